// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands: the options of each, and the function that runs it, in a file of its name.  They
 * print to standard output, and throw a Failure if they cannot do their work.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "system/failure.hpp"

namespace dmsnap::tool {

/* How to read a store. */
struct StoreOptions {
	std::string store;
	/* Its origin: a path, or only a size; both are optional. */
	std::string origin;
	std::optional<uint64_t> origin_bytes;
	size_t memory_bytes = size_t{256} << 20;
};

struct CheckOptions {
	StoreOptions store;
	/* How many findings of a kind to list; the rest is only counted. */
	uint64_t findings_max = 1000;
	bool json = false;
};
ExitCode check(const CheckOptions &options);

struct DumpOptions {
	StoreOptions store;
	bool json = false;
	/* The form that restore reads. */
	bool for_restore = false;
	/* Include the data of all exceptions; only for restore. */
	bool with_data = false;
};
ExitCode dump(const DumpOptions &options);

struct RestoreOptions {
	std::string target;
	/* Empty: standard input. */
	std::string input;
	/* The target may be overwritten. */
	bool overwrite = false;
	bool json = false;
};
ExitCode restore(const RestoreOptions &options);

struct RepairOptions {
	StoreOptions store;
	/* Make a copy here and repair it; empty and not in_place: only report. */
	std::string output;
	bool in_place = false;
	/* The device for the copy may be overwritten. */
	bool overwrite = false;
	/* Mark an invalid store as valid. */
	bool force = false;
	/* Replace an unreadable header by one with this chunk size; 0: do not. */
	uint32_t chunk_sectors = 0;
	bool json = false;
};
ExitCode repair(const RepairOptions &options);

struct DiffOptions {
	StoreOptions store;
	bool json = false;
};
ExitCode diff(const DiffOptions &options);

struct ExportOptions {
	StoreOptions store;
	/* The whole origin, without a store. */
	bool full = false;
	/* Empty: standard output. */
	std::string output;
	/* Complete this file, which has the beginning of the stream; empty: none. */
	std::string resume;
	bool json = false;
};
ExitCode export_changes(const ExportOptions &options);

struct ApplyOptions {
	std::string target;
	/* Empty: standard input. */
	std::string input;
	/* Check the stream and the copy, but write nothing. */
	bool dry_run = false;
	/* A new file for the overwritten contents as a stream; empty: none. */
	std::string undo;
	/* Change a copy of the image, and replace the image with it at the end. */
	bool atomic = false;
	/* Do not check the contents of the copy. */
	bool any_base = false;
	bool json = false;
};
ExitCode apply(const ApplyOptions &options);

struct EstimateOptions {
	/* The writes to the volume: */
	std::optional<uint64_t> volume_bytes;
	/* "10M/s", or "2%/d" of the volume. */
	std::string rate;
	std::optional<double> seconds;
	uint64_t write_bytes = 4096;
	/* or a log of fio; */
	std::string fio_log;
	/* or two status lines of dmsetup, taken that many seconds apart. */
	std::vector<std::string> statuses;

	std::vector<uint64_t> chunk_bytes;
	size_t memory_bytes = size_t{256} << 20;
	bool json = false;
};
ExitCode estimate(const EstimateOptions &options);

struct StatusOptions {
	/* None: all. */
	std::vector<std::string> names;
	/* Exit with 1 if a COW device is fuller than this. */
	std::optional<double> warn_percent;
	/* Print and exit as a Nagios plugin does; critical if a COW device is fuller than this. */
	std::optional<double> critical_percent;
	/* Print Prometheus' text format, to this file or to standard output. */
	bool prometheus = false;
	std::string output;
	bool json = false;
};
ExitCode status(const StatusOptions &options);

struct TopOptions {
	/* Empty: all, including snapshots that are made later. */
	std::vector<std::string> names;
	double interval_seconds = 2;
	/* Stop after this many views; 0: never. */
	std::optional<uint64_t> count;
	/* Do not take the whole terminal. */
	bool lines = false;
	bool json = false;
};
ExitCode top(const TopOptions &options);

struct WaitOptions {
	std::string name;
	/* One of these three is set. */
	bool merged = false;
	bool invalid = false;
	std::optional<unsigned int> fill_percent;

	/* No merge at all is not an error. */
	bool or_none = false;
	std::optional<double> timeout_seconds;
	bool json = false;
};
ExitCode wait(const WaitOptions &options);

struct DoctorOptions {
	/* The system to check. */
	std::string root = "/";
	/* Empty: the running kernel. */
	std::string release;
	bool json = false;
};
ExitCode doctor(const DoctorOptions &options);

} // namespace dmsnap::tool
