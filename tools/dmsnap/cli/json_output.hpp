// SPDX-License-Identifier: GPL-2.0-only
/*
 * JsonOutput: one JSON document on standard output.  It is written piece by piece, because a list
 * may not fit into memory.
 *
 *	json.member("chunk_sectors", 8);
 *	json.begin_list("runs");
 *	json.item({{"old_chunk", 12}, {"new_chunk", 2}});
 *	json.end();
 *	json.finish();
 */
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dmsnap::tool {

/* The schema of all documents; increased when a member is removed or changes its meaning. */
constexpr unsigned int json_schema = 1;

class JsonValue {
public:
	JsonValue(std::nullptr_t) {}
	JsonValue(bool value) : value_(value) {}
	template <std::unsigned_integral T> JsonValue(T value) : value_(uint64_t{value}) {}
	JsonValue(double value) : value_(value) {}
	JsonValue(const char *value) : value_(std::string(value)) {}
	JsonValue(std::string value) : value_(std::move(value)) {}

	std::string text() const;

private:
	std::variant<std::monostate, bool, uint64_t, double, std::string> value_;
};

class JsonOutput {
public:
	struct Member {
		std::string_view name;
		JsonValue value;
	};
	using Members = std::initializer_list<Member>;

	/* Begins the document, an object, with its schema. */
	explicit JsonOutput(FILE *file);

	void member(std::string_view name, const JsonValue &value);
	void members(Members members);
	void object(std::string_view name, Members members);
	/* Only items may follow until end(). */
	void begin_list(std::string_view name);
	void item(Members members);
	void end();
	void finish();

private:
	void comma();
	void write_object(Members members);

	FILE *file_;
	bool first_ = true;
	bool in_list_ = false;
};

/* An error, as a document on one line. */
std::string error_json(std::string_view message, int exit_code);

} // namespace dmsnap::tool
