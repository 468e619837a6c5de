// SPDX-License-Identifier: GPL-2.0-only
/* tools/sim: the simulator's command line. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include <CLI/CLI.hpp>
#include <malloc.h>
#include <unistd.h>

#include "cli/progress.hpp"
#include "sim/exhaustive.hpp"
#include "sim/scenarios.hpp"
#include "sim/studies/study.hpp"
#include "sim/sweep.hpp"
#include "user/failure.hpp"

namespace {

using namespace dmsnap::sim;
using dmsnap::tool::Progress;
using dmsnap::user::text;

constexpr int failure_code = 1, usage_code = 2;
/* Each workload of the exhaustive mode runs with this many sizes and ranges. */
constexpr uint64_t exhaustive_seeds = 10;
/* Writes for each figure of a study, and its number of power cuts. */
constexpr uint64_t study_writes = 16384, study_cuts = 2000;

struct Options {
	SweepLimits limits;
	uint64_t seed = 0;
	std::string keep;
	std::string trouble;
	bool quiet = false;
	bool shrink = true;
	bool exhaustive = false;
	bool scenarios = false;
	std::string scenario;
	bool study = false;
	unsigned int remains = 256;
};

int replay(const Options &options)
{
	Plan plan = plan_of(options.seed, options.limits.trouble);
	if (!options.keep.empty()) {
		std::vector<unsigned int> numbers;
		if (!parse(options.keep, numbers)) {
			std::fprintf(stderr, "sim: --keep %s: not a list of steps like 0-3,7\n",
				     options.keep.c_str());
			return usage_code;
		}
		plan = only(plan, numbers);
	}
	uint64_t cycles = run_here(plan, !options.quiet);
	std::printf("seed %llu: %zu steps, %llu crashes recovered, nothing wrong\n",
		    static_cast<unsigned long long>(options.seed), plan.steps.size(),
		    static_cast<unsigned long long>(cycles));
	return 0;
}

void report_failure(const Options &options, uint64_t seed, const std::string &output)
{
	std::string with = options.trouble.empty() ? "" : " --trouble " + options.trouble;
	std::printf("%s", output.c_str());
	std::printf("FAIL: seed %llu; to repeat it with a trace: tools/sim%s --seed %llu\n",
		    static_cast<unsigned long long>(seed), with.c_str(),
		    static_cast<unsigned long long>(seed));
	if (!options.shrink)
		return;
	Plan whole = plan_of(seed, options.limits.trouble);
	Progress progress("looking for the smallest failing set of steps", 0);
	Plan least = shrink(whole, [&] { progress.reached(0); });
	progress.end();
	std::vector<unsigned int> numbers;
	for (const Step &step : least.steps) {
		numbers.push_back(step.number);
		std::printf("  %3u %s\n", step.number, to_text(step.action));
	}
	std::printf("FAIL: with only these steps: tools/sim%s --seed %llu --keep %s\n",
		    with.c_str(), static_cast<unsigned long long>(seed), to_text(numbers).c_str());
}

SweepResult sweep_once(const Options &options)
{
	constexpr double whole = 1e6;
	Progress progress("losing power, and recovering", static_cast<uint64_t>(whole));
	SweepResult result = sweep(options.limits, [&](const SweepResult &now) {
		double part = 0;
		if (options.limits.runs)
			part = std::max(part, static_cast<double>(now.runs) /
						      static_cast<double>(options.limits.runs));
		if (options.limits.cycles)
			part = std::max(part, static_cast<double>(now.cycles) /
						      static_cast<double>(options.limits.cycles));
		if (options.limits.seconds)
			part = std::max(part,
					now.seconds / static_cast<double>(options.limits.seconds));
		progress.reached(static_cast<uint64_t>(whole * std::min(part, 1.0)));
	});
	progress.end();
	if (result.failed)
		report_failure(options, result.failed_seed, result.output);
	std::printf("%llu crashes recovered in %llu runs (seeds %llu to %llu), %.1f s, %.0f a "
		    "second on %u processors\n",
		    static_cast<unsigned long long>(result.cycles),
		    static_cast<unsigned long long>(result.runs),
		    static_cast<unsigned long long>(options.limits.first_seed),
		    static_cast<unsigned long long>(result.last_seed), result.seconds,
		    static_cast<double>(result.cycles) / std::max(result.seconds, 0.001),
		    options.limits.jobs);
	return result;
}

int run_sweep(Options options)
{
	uint64_t passed = 0;
	bool failed = false;
	/* Seeds that have passed find regressions only; new seeds may find new faults. */
	if (!options.limits.first_seed) {
		options.limits.cycles = (options.limits.cycles + 1) / 2;
		options.limits.seconds = (options.limits.seconds + 1) / 2;
		options.limits.first_seed = 1;
		SweepResult result = sweep_once(options);
		passed = result.runs;
		failed = result.failed;
		std::random_device device;
		options.limits.first_seed = 1'000'000'000 + device() % 1'000'000'000;
	}
	if (!failed) {
		SweepResult result = sweep_once(options);
		passed += result.runs;
		failed = result.failed;
	}
	std::printf("%llu passed, %d failed\n", static_cast<unsigned long long>(passed), failed);
	return failed ? failure_code : 0;
}

int run_exhaustive(const Options &options)
{
	static std::string where;
	dmsnap::user::set_failure_hook([](const std::string &message) {
		std::printf("FAIL: %s\n%s\n0 passed, 1 failed\n", where.c_str(), message.c_str());
		std::fflush(nullptr);
		_exit(failure_code);
	});
	for (unsigned int i = 0; i < exhaustive_count(); i++) {
		Progress progress(exhaustive_name(i), exhaustive_seeds);
		ExhaustiveResult all;
		for (uint64_t seed = 1; seed <= exhaustive_seeds; seed++) {
			ExhaustiveResult result = run_exhaustively(
				exhaustive_plan(i, seed), options.remains, [&](uint64_t io) {
					where = text("\"%s\", seed %llu, crash at I/O %llu",
						     exhaustive_name(i),
						     static_cast<unsigned long long>(seed),
						     static_cast<unsigned long long>(io));
					progress.reached(seed - 1);
				});
			all.crash_points += result.crash_points;
			all.cycles += result.cycles;
		}
		progress.end();
		std::printf("%-34s crashed at each of %4llu I/Os, %6llu remains recovered\n",
			    exhaustive_name(i), static_cast<unsigned long long>(all.crash_points),
			    static_cast<unsigned long long>(all.cycles));
	}
	std::printf("%u passed, 0 failed\n", exhaustive_count());
	return 0;
}

/* One scenario with a trace, or all of them. */
int run_scenarios(const Options &options)
{
	if (!options.scenario.empty()) {
		setvbuf(stdout, nullptr, _IOLBF, 0);
		Verdict verdict = run_apart([&] { run_scenario(options.scenario, true); });
		std::printf("%s%s\n", verdict.output.c_str(),
			    verdict.failed ? "1 failed" : "1 passed");
		return verdict.failed ? failure_code : 0;
	}
	unsigned int passed = 0, failed = 0;
	for (const std::string &scenario : scenarios()) {
		Verdict verdict = run_apart([&] { run_scenario(scenario, false); });
		(verdict.failed ? failed : passed)++;
		if (verdict.failed)
			std::printf("%sFAIL: scenario \"%s\"\n", verdict.output.c_str(),
				    scenario.c_str());
	}
	std::printf("%u passed, %u failed\n", passed, failed);
	return failed ? failure_code : 0;
}

} // namespace

int main(int argc, char **argv)
{
	/* The next run needs the memory that a run frees, so trimming would only cost time. */
	mallopt(M_MXFAST, 0);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	Options options;
	CLI::App app{"Runs the core on simulated devices that lose power, fail and shrink, and "
		     "checks what is left after each crash.",
		     "tools/sim"};
	auto *seed = app.add_option("--seed", options.seed,
				    "replay this one run, with a trace of all that happens");
	app.add_option("--keep", options.keep, "with --seed: only these steps, e.g. 0-3,7")
		->needs(seed);
	app.add_flag("--quiet", options.quiet, "with --seed: no trace")->needs(seed);
	app.add_option("--trouble", options.trouble, "add to each run: " + trouble_names(~0u))
		->check([&options](const std::string &names) -> std::string {
			return parse_trouble(names, options.limits.trouble)
				       ? ""
				       : "unknown name of a trouble";
		});
	app.add_option(
		"--first", options.limits.first_seed,
		"first seed of the runs (default: half of the runs start at seed 1, half at a random one)");
	app.add_option("--runs", options.limits.runs, "number of runs");
	app.add_option("--cycles", options.limits.cycles,
		       "number of crashes to recover from (20000 if no limit is given)");
	app.add_option("--seconds", options.limits.seconds, "length in seconds");
	options.limits.jobs =
		static_cast<unsigned int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
	app.add_option("--jobs", options.limits.jobs,
		       "runs in parallel (default: one for each processor)")
		->check(CLI::Range(1, 256));
	app.add_flag("!--no-shrink", options.shrink,
		     "do not search for a smaller failing set of steps");
	app.add_flag("--exhaustive", options.exhaustive,
		     "small workloads, crashed at every I/O, with every loss");
	app.add_option("--remains", options.remains,
		       "with --exhaustive: at most this many losses at one I/O (256)");
	app.add_flag("--scenarios", options.scenarios,
		     "known situations, e.g. what must work while a device hangs");
	app.add_option("--scenario", options.scenario, "one of them, by name, with a trace");
	app.add_flag("--write-back", options.study,
		     "figures of a design study: Documentation/decisions/0016");
	app.footer("tools/sim --coverage [--cycles N]: lines of the core that no run reaches.\n"
		   "Exit code: 0 nothing wrong, 1 something is, 2 wrong option.");
	try {
		app.parse(argc, argv);
	} catch (const CLI::ParseError &error) {
		return app.exit(error) ? usage_code : 0;
	}
	if (*seed)
		return replay(options);
	if (options.study)
		return studies::study_write_back(study_writes, study_cuts) ? 0 : failure_code;
	if (options.scenarios || !options.scenario.empty())
		return run_scenarios(options);
	if (options.exhaustive)
		return run_exhaustive(options);
	if (options.limits.runs && !options.limits.first_seed)
		options.limits.first_seed = 1;
	if (!options.limits.runs && !options.limits.cycles && !options.limits.seconds)
		options.limits.cycles = 20'000;
	return run_sweep(options);
}
