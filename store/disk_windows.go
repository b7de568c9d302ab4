package store

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// diskSpace is what is free to this process, and the size of the disk, in bytes.
func diskSpace(dir string) (free, total uint64, err error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, err
	}
	var all uint64
	err = windows.GetDiskFreeSpaceEx(path, &free, &total, &all)
	return free, total, err
}

// names is how many names a file has, as far as is known.
func names(fs.FileInfo) uint64 { return 1 }

func allocatedBytes(info fs.FileInfo) uint64 { return uint64(info.Size()) }

// syncDir: Windows has nothing of the kind.
func syncDir(string) error { return nil }
