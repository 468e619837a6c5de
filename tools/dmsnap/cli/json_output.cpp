// SPDX-License-Identifier: GPL-2.0-only
#include "cli/json_output.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace dmsnap::tool {

std::string JsonValue::text() const
{
	using nlohmann::json;

	return std::visit(
		[](const auto &value) -> std::string {
			using Value = std::decay_t<decltype(value)>;
			/* Most are numbers, of which lists have millions. */
			if constexpr (std::same_as<Value, std::monostate>)
				return "null";
			else if constexpr (std::same_as<Value, uint64_t>)
				return fmt::to_string(value);
			/* Paths and foreign text may not be UTF-8. */
			else
				return json(value).dump(-1, ' ', false,
							json::error_handler_t::replace);
		},
		value_);
}

JsonOutput::JsonOutput(FILE *file) : file_(file)
{
	fmt::print(file_, "{{");
	member("schema", json_schema);
}

void JsonOutput::comma()
{
	fmt::print(file_, "{}\n{}", first_ ? "" : ",", in_list_ ? "    " : "  ");
	first_ = false;
}

void JsonOutput::member(std::string_view name, const JsonValue &value)
{
	comma();
	fmt::print(file_, "\"{}\": {}", name, value.text());
}

void JsonOutput::members(Members members)
{
	for (const Member &one : members)
		member(one.name, one.value);
}

void JsonOutput::write_object(Members members)
{
	const char *between = "";
	fmt::print(file_, "{{");
	for (const Member &one : members) {
		fmt::print(file_, "{}\"{}\": {}", between, one.name, one.value.text());
		between = ", ";
	}
	fmt::print(file_, "}}");
}

void JsonOutput::object(std::string_view name, Members members)
{
	comma();
	fmt::print(file_, "\"{}\": ", name);
	write_object(members);
}

void JsonOutput::begin_list(std::string_view name)
{
	comma();
	fmt::print(file_, "\"{}\": [", name);
	in_list_ = true;
	first_ = true;
}

void JsonOutput::item(Members members)
{
	comma();
	write_object(members);
}

void JsonOutput::end()
{
	fmt::print(file_, "{}]", first_ ? "" : "\n  ");
	in_list_ = false;
	first_ = false;
}

void JsonOutput::finish()
{
	fmt::print(file_, "\n}}\n");
}

std::string error_json(std::string_view message, int exit_code)
{
	return fmt::format("{{\"schema\": {}, \"error\": {}, \"exit_code\": {}}}", json_schema,
			   JsonValue(std::string(message)).text(), exit_code);
}

} // namespace dmsnap::tool
