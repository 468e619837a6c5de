// SPDX-License-Identifier: GPL-2.0-only
#include "overlay/label.hpp"

#include <cstring>
#include <string_view>

#include <nlohmann/json.hpp>

#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

constexpr std::string_view magic = "dmsnap overlay 1\n";

} // namespace

std::vector<std::byte> to_bytes(const Label &label)
{
	nlohmann::ordered_json json = {
		{"name", label.name},
		{"origin", label.origin},
		{"origin_bytes", label.origin_bytes},
		{"origin_checksum", label.origin_checksum},
		{"cow_bytes", label.cow_bytes},
		{"is_origin_writable", label.is_origin_writable},
		{"is_merge", label.is_merge},
	};
	std::string text;
	try {
		text = std::string(magic) + json.dump(2) + "\n";
	} catch (const nlohmann::json::exception &) {
		throw Failure(label.origin +
			      ": the name of a device under an overlay must be UTF-8");
	}
	if (text.size() > Label::bytes)
		throw Failure(label.origin + ": the name is too long for an overlay's label");
	std::vector<std::byte> bytes(Label::bytes);
	std::memcpy(bytes.data(), text.data(), text.size());
	return bytes;
}

std::optional<Label> parse_label(std::span<const std::byte> bytes)
try {
	std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
	if (!text.starts_with(magic))
		return {};
	text.remove_prefix(magic.size());
	auto json = nlohmann::json::parse(text.substr(0, text.find('\0')));
	Label label;
	json.at("name").get_to(label.name);
	json.at("origin").get_to(label.origin);
	json.at("origin_bytes").get_to(label.origin_bytes);
	json.at("origin_checksum").get_to(label.origin_checksum);
	json.at("cow_bytes").get_to(label.cow_bytes);
	json.at("is_origin_writable").get_to(label.is_origin_writable);
	json.at("is_merge").get_to(label.is_merge);
	return label;
} catch (const nlohmann::json::exception &) {
	return {};
}

} // namespace dmsnap::tool
