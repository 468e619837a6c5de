// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes and reads an origin and its snapshots from many processes at once, and knows the
 * expected contents of each block.
 *
 *   stress-io fill  STATE ORIGIN            initialises the origin and STATE
 *   stress-io snap  STATE SLOT              snapshot SLOT has just been taken
 *   stress-io back  STATE SLOT              snapshot SLOT was merged into the origin
 *   stress-io run   STATE SEED SECONDS WORKERS ORIGIN [SLOT=DEVICE...]
 *   stress-io check STATE ORIGIN [SLOT=DEVICE...]
 *
 * STATE is a file that all processes map.  For each block of 4 KiB, in the origin and in each
 * slot, it has the number of the write that last wrote the block.  Blocks belong to workers in
 * stripes, so that no two write the same block, but many write the same chunk.  An I/O that fails
 * ends the program, and so does a wrong block.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096u
#define BLOCKS_MAX (1u << 16)
#define SLOTS 8
#define STRIPE 16u
/* The longest I/O, in blocks. */
#define LENGTH 8u

/* Slot 0 is the origin. */
struct state {
	uint32_t blocks;
	uint32_t last_write;
	uint32_t written[1 + SLOTS][BLOCKS_MAX];
};

static struct state *state;

/* An open device. */
struct device {
	unsigned int slot;
	const char *path;
	int fd;
};

static struct device devices[1 + SLOTS];
static unsigned int device_count;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("stress-io: ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text == 0 || *end != 0)
		die("%s is not a number", text);
	return value;
}

static unsigned int slot_number(const char *text)
{
	unsigned long slot = number(text);

	if (slot < 1 || slot > SLOTS)
		die("slots are 1 to %d", SLOTS);
	return slot;
}

static void map_state(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*state)) != 0)
		die("%s: %s", path, strerror(errno));
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (state == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

static void open_device(unsigned int slot, const char *path)
{
	struct device *device = &devices[device_count++];

	device->slot = slot;
	device->path = path;
	device->fd = open(path, O_RDWR | O_DIRECT);
	if (device->fd < 0)
		die("%s: %s", path, strerror(errno));
}

/* Opens ORIGIN [SLOT=DEVICE...]. */
static void open_devices(char **args)
{
	open_device(0, *args++);
	for (; *args; args++) {
		char *equals = strchr(*args, '=');

		if (!equals || device_count > SLOTS)
			die("%s: not SLOT=DEVICE, or too many", *args);
		*equals = 0;
		open_device(slot_number(*args), equals + 1);
	}
}

/* Word @word of block @block as write @write leaves it. */
static uint64_t word_of(uint32_t write, uint32_t block, unsigned int word)
{
	return (((uint64_t)write << 32) | block) * 0x9e3779b97f4a7c15ull + word;
}

static void make_block(uint64_t *data, uint32_t write, uint32_t block)
{
	for (unsigned int word = 0; word < BLOCK / 8; word++)
		data[word] = word_of(write, block, word);
}

static void check_block(const struct device *device, const uint64_t *data, uint32_t block)
{
	uint32_t write = state->written[device->slot][block];

	for (unsigned int word = 0; word < BLOCK / 8; word++) {
		if (data[word] != word_of(write, block, word))
			die("%s: block %u, word %u: does not hold what write %u wrote",
			    device->path, block, word, write);
	}
}

static void write_blocks(struct device *device, uint64_t *data, uint32_t block, uint32_t count)
{
	uint32_t write = __atomic_add_fetch(&state->last_write, 1, __ATOMIC_RELAXED);
	ssize_t bytes = count * BLOCK;

	for (uint32_t i = 0; i < count; i++)
		make_block(data + i * (BLOCK / 8), write, block + i);
	if (pwrite(device->fd, data, bytes, (off_t)block * BLOCK) != bytes)
		die("%s: writing block %u: %s", device->path, block, strerror(errno));
	for (uint32_t i = 0; i < count; i++)
		state->written[device->slot][block + i] = write;
}

static void read_blocks(struct device *device, uint64_t *data, uint32_t block, uint32_t count)
{
	ssize_t bytes = count * BLOCK;

	if (pread(device->fd, data, bytes, (off_t)block * BLOCK) != bytes)
		die("%s: reading block %u: %s", device->path, block, strerror(errno));
	for (uint32_t i = 0; i < count; i++)
		check_block(device, data + i * (BLOCK / 8), block + i);
}

static uint64_t *buffer(void)
{
	void *memory;

	if (posix_memalign(&memory, BLOCK, LENGTH * BLOCK) != 0)
		die("out of memory");
	return memory;
}

static uint64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* splitmix64 */
static uint64_t random_below(uint64_t *seed, uint64_t limit)
{
	uint64_t bits = *seed += 0x9e3779b97f4a7c15ull;

	bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
	bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
	return (bits ^ (bits >> 31)) % limit;
}

static void work(unsigned int worker, unsigned int workers, uint64_t seed, uint64_t end)
{
	uint32_t stripes = state->blocks / STRIPE / workers;
	uint64_t *data = buffer();

	seed += worker * 1000003ull;
	while (seconds() < end) {
		struct device *device = &devices[random_below(&seed, device_count)];
		uint32_t stripe = random_below(&seed, stripes) * workers + worker;
		uint32_t at = random_below(&seed, STRIPE);
		uint32_t count = 1 + random_below(&seed, LENGTH);
		unsigned int what = random_below(&seed, 100);

		if (count > STRIPE - at)
			count = STRIPE - at;
		if (what < 50)
			write_blocks(device, data, stripe * STRIPE + at, count);
		else if (what < 99)
			read_blocks(device, data, stripe * STRIPE + at, count);
		else if (fdatasync(device->fd) != 0)
			die("%s: flushing: %s", device->path, strerror(errno));
	}
	exit(0);
}

static void run(uint64_t seed, unsigned int length, unsigned int workers)
{
	uint64_t end = seconds() + length;
	uint32_t before = state->last_write;
	int bad = 0, status;

	if (workers < 1 || state->blocks / STRIPE / workers < 1)
		die("%u workers are too many or too few", workers);
	for (unsigned int worker = 0; worker < workers; worker++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork: %s", strerror(errno));
		if (pid == 0)
			work(worker, workers, seed, end);
	}
	while (wait(&status) > 0)
		bad |= status;
	if (bad)
		die("a worker has failed");
	printf("%u writes\n", state->last_write - before);
}

static void check(void)
{
	uint64_t *data = buffer();

	for (unsigned int i = 0; i < device_count; i++) {
		for (uint32_t block = 0; block < state->blocks; block += LENGTH)
			read_blocks(&devices[i], data, block, LENGTH);
	}
}

static void fill(void)
{
	off_t bytes = lseek(devices[0].fd, 0, SEEK_END);
	uint64_t *data = buffer();

	if (bytes <= 0 || bytes > (off_t)BLOCKS_MAX * BLOCK || bytes % (LENGTH * BLOCK) != 0)
		die("%s: its size does not fit", devices[0].path);
	memset(state, 0, sizeof(*state));
	state->blocks = bytes / BLOCK;
	for (uint32_t block = 0; block < state->blocks; block += LENGTH)
		write_blocks(&devices[0], data, block, LENGTH);
}

int main(int argc, char **argv)
{
	const char *command = argc > 3 ? argv[1] : "";

	if (argc > 3)
		map_state(argv[2]);
	if (strcmp(command, "fill") == 0) {
		open_devices(argv + 3);
		fill();
	} else if (strcmp(command, "snap") == 0) {
		memcpy(state->written[slot_number(argv[3])], state->written[0],
		       sizeof(state->written[0]));
	} else if (strcmp(command, "back") == 0) {
		memcpy(state->written[0], state->written[slot_number(argv[3])],
		       sizeof(state->written[0]));
	} else if (strcmp(command, "run") == 0 && argc > 6) {
		open_devices(argv + 6);
		run(number(argv[3]), number(argv[4]), number(argv[5]));
	} else if (strcmp(command, "check") == 0) {
		open_devices(argv + 3);
		check();
	} else {
		die("wrong usage: see the head of the source");
	}
	return 0;
}
