// SPDX-License-Identifier: GPL-2.0-or-later
//
// C++: a mapping that ends with its scope, and many ranges made durable at once.
//
//   ranges FILE...
//
// Build: c++ ranges.cc $(pkg-config --cflags --libs libmincore2-persist)

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <mincore2-persist.h>

namespace {

void check(int ret, const std::string &what)
{
	if (ret < 0)
		throw std::system_error(-ret, std::generic_category(), what);
}

struct unmap {
	void operator()(mincore2_mapping *map) const { mincore2_unmap(map); }
};
using mapping = std::unique_ptr<mincore2_mapping, unmap>;

// Closed in the end, also if a constructor throws.
class descriptor {
public:
	descriptor(const std::string &path, int flags)
		: fd_(open(path.c_str(), flags | O_CLOEXEC, 0666))
	{
		check(fd_ < 0 ? -errno : 0, path);
	}
	descriptor(descriptor &&other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
	descriptor(const descriptor &) = delete;
	descriptor &operator=(const descriptor &) = delete;
	~descriptor() { if (fd_ >= 0) close(fd_); }
	operator int() const { return fd_; }

private:
	int fd_;
};

class file {
public:
	explicit file(const std::string &path) : fd_(path, O_RDWR | O_CREAT)
	{
		check(ftruncate(fd_, size) ? -errno : 0, path);
		struct mincore2_mapping *map = nullptr;
		check(mincore2_map(size, PROT_READ | PROT_WRITE, fd_, 0, &map), path);
		map_.reset(map);
		// What is made durable later are bytes; the file and its name are now.
		auto slash = path.rfind('/');
		std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
		check(fsync(fd_) ? -errno : 0, path);
		check(fsync(descriptor(dir, O_RDONLY | O_DIRECTORY)) ? -errno : 0, dir);
	}

	mincore2_range store(const char *text)
	{
		char *to = static_cast<char *>(mincore2_map_addr(map_.get()));
		std::strcpy(to, text);

		mincore2_range range = {};
		range.addr = to;
		range.length = std::strlen(text) + 1;
		range.offset = -1;
		range.fd = fd_;
		return range;
	}

private:
	static constexpr size_t size = 65536;
	descriptor fd_;
	mapping map_;
};

} // namespace

int main(int argc, char **argv)
try {
	std::vector<file> files;
	std::vector<mincore2_range> ranges;

	for (int i = 1; i < argc; i++) {
		files.emplace_back(argv[i]);
		ranges.push_back(files.back().store("stored by C++"));
	}
	// One submission for all files, and ten seconds to come back.
	int ret = mincore2_persistv(ranges.data(), ranges.size(), 0, 10000);
	for (std::size_t i = 0; i < ranges.size(); i++)
		std::printf("%s: %s\n", argv[i + 1], ranges[i].error ?
			    std::strerror(-ranges[i].error) : "durable");
	return ret ? 1 : 0;
} catch (const std::exception &e) {
	std::fprintf(stderr, "ranges: %s\n", e.what());
	return 1;
}
