// SPDX-License-Identifier: GPL-2.0-only
/*
 * model-tests: explores the programs.
 *
 *   model-tests [--seed N] [--sites] [--weaken SITE] [PROGRAM...]
 *
 * --sites prints each place that names an order as it is used.  --weaken SITE weakens one of them,
 * and stops at the first program that fails.
 */
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>

#include "model/engine/program.hpp"
#include "model/engine/runtime.hpp"

namespace dmsnap::model {

namespace {

Program *program = nullptr;
unsigned int threads_left = 0;

void body(unsigned int thread)
{
	program->thread(thread);
	Runtime &run = runtime();
	if (--threads_left > 0)
		return;
	run.check_order();
	run.settled = true;
	program->finish();
}

Explorer::End execute(const Entry &entry)
{
	Runtime &run = runtime();
	run.begin_execution();
	program = entry.make();
	threads_left = entry.threads;
	return run.explorer.run(entry.threads, body);
}

struct Result {
	Explorer::Counts counts;
	std::set<uint64_t> outcomes;
	bool failed = false;
	bool all = false;
};

/* Runs up to @bound executions, or until one fails. */
void search(const Entry &entry, const uint32_t *seed, uint64_t bound, Result &result)
{
	Runtime &run = runtime();
	run.explorer.begin_search(seed);
	for (uint64_t i = 0; i < bound; i++) {
		switch (execute(entry)) {
		case Explorer::End::complete:
			result.counts.complete++;
			result.outcomes.insert(run.outcome);
			break;
		case Explorer::End::redundant:
			result.counts.redundant++;
			break;
		case Explorer::End::inconsistent:
			result.counts.inconsistent++;
			break;
		case Explorer::End::cut:
			result.counts.cut++;
			break;
		case Explorer::End::restart:
			if (!seed) {
				result = {};
				i = 0;
			}
			run.explorer.begin_search(seed);
			continue;
		case Explorer::End::failed:
			result.failed = true;
			return;
		}
		if (!run.explorer.next()) {
			result.all = true;
			return;
		}
	}
}

void print_outcomes(const char *title, const std::set<uint64_t> &outcomes)
{
	std::printf("      %s:", title);
	for (uint64_t outcome : outcomes)
		std::printf(" %llx", static_cast<unsigned long long>(outcome));
	std::printf("\n");
}

void print_failure(const Entry &entry, const Result &result, const std::set<uint64_t> &expected)
{
	Runtime &run = runtime();
	if (!result.failed) {
		if (entry.must_fail)
			std::printf("      no execution fails\n");
		else
			print_outcomes("expected", expected);
		print_outcomes("outcomes", result.outcomes);
		return;
	}
	run.traces = true;
	execute(entry);
	run.traces = false;
	std::printf("      %s\n", run.failure.c_str());
}

bool explore(const Entry &entry, uint32_t seed, bool quiet)
{
	Runtime &run = runtime();
	const auto begun = std::chrono::steady_clock::now();
	Result result;
	run.relaxes_max = entry.rounds;
	Sites::begin(entry.name);
	run.begin_search(nullptr);
	search(entry, nullptr, entry.bound, result);
	uint64_t random = 0;
	if (!result.failed && !result.all) {
		search(entry, &seed, entry.at_random, result);
		random = entry.at_random;
	}
	const std::set<uint64_t> expected(entry.outcomes.begin(), entry.outcomes.end());
	const bool good = result.failed == entry.must_fail &&
			  (result.failed || expected.empty() || result.outcomes == expected);
	if (quiet)
		return good;

	const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
		std::chrono::steady_clock::now() - begun);
	const Explorer::Counts &counts = result.counts;
	std::printf("%-5s %-26s %8llu executions (%llu complete, %llu redundant, "
		    "%llu inconsistent, %llu cut), %s, %lld ms: %s\n",
		    good ? "ok" : "FAIL", entry.name, static_cast<unsigned long long>(counts.all()),
		    static_cast<unsigned long long>(counts.complete),
		    static_cast<unsigned long long>(counts.redundant),
		    static_cast<unsigned long long>(counts.inconsistent),
		    static_cast<unsigned long long>(counts.cut),
		    result.failed ? "one fails"
		    : result.all  ? "all"
				  : "bound reached",
		    static_cast<long long>(ms.count()), entry.what);
	if (random > 0)
		std::printf("      the last %llu at random, seed %u\n",
			    static_cast<unsigned long long>(random), seed);
	if (!good)
		print_failure(entry, result, expected);
	std::fflush(stdout);
	return good;
}

} // namespace

Programs::Programs(std::initializer_list<Entry> entries)
{
	all().insert(all().end(), entries);
}

std::vector<Entry> &Programs::all()
{
	static std::vector<Entry> entries;
	return entries;
}

void observe(uint64_t outcome)
{
	runtime().outcome = outcome;
}

} // namespace dmsnap::model

int main(int argc, char **argv)
{
	using namespace dmsnap::model;

	uint32_t seed = 1;
	bool quiet = false;
	std::set<std::string_view> names;
	for (int i = 1; i < argc; i++) {
		const std::string_view word = argv[i];
		if (word == "--seed" && i + 1 < argc) {
			seed = static_cast<uint32_t>(std::strtoul(argv[++i], nullptr, 0));
		} else if (word == "--sites") {
			Sites::print_used();
		} else if (word == "--weaken" && i + 1 < argc) {
			Sites::weaken(argv[++i]);
			quiet = true;
		} else if (word.starts_with("-")) {
			std::fprintf(stderr, "model-tests: unknown option %s\n", argv[i]);
			return 2;
		} else {
			names.insert(word);
		}
	}

	unsigned int passed = 0;
	unsigned int failed = 0;
	for (const Entry &entry : Programs::all()) {
		if (!names.empty() && !names.contains(entry.name))
			continue;
		const bool good = explore(entry, seed, quiet);
		(good ? passed : failed)++;
		if (quiet && !good) {
			std::printf("%s\n", entry.name);
			return 1;
		}
	}
	std::printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 || passed == 0;
}
