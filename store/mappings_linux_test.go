package store_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"musafir/store"
)

// dirtyKB is how much of the process's mappings of a directory's write-ahead files
// is dirty, by file: bytes that a power cut would lose. A sync clears it.
func dirtyKB(t *testing.T, dir string) map[string]int {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dirty := map[string]int{}
	file := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		first, _, _ := strings.Cut(line, " ")
		switch {
		case !strings.HasSuffix(first, ":"): // the head of a mapping
			file = ""
			if i := strings.Index(line, "/"); i >= 0 && strings.HasPrefix(line[i:], dir) && strings.HasSuffix(line, ".mem") {
				file = filepath.Base(line)
				dirty[file] += 0
			}
		case file != "" && (first == "Private_Dirty:" || first == "Shared_Dirty:"):
			kb := 0
			if _, err := fmt.Sscan(strings.TrimPrefix(line, first), &kb); err != nil {
				t.Fatal(err)
			}
			dirty[file] += kb
		}
	}
	return dirty
}

// TestSynced: after an acknowledgement no write-ahead page is dirty, over several
// memtables.
func TestSynced(t *testing.T) {
	dir := realDir(t)
	d, device, err := deviceIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	files := map[string]bool{}
	for range 60 {
		if err := writeBatch(device, 4, 64, randomFields(1000)); err != nil {
			t.Fatal(err)
		}
		for file, kb := range dirtyKB(t, dir) {
			files[file] = true
			if kb > 0 {
				t.Fatalf("after an acknowledged write %d KB of %s are not on disk", kb, file)
			}
		}
	}
	if len(files) < 2 {
		t.Fatalf("only %v were looked at: the test does not see the write-ahead files", files)
	}
}

// TestUnsyncedSeen shows that the test above can fail: without syncing, dirty
// pages are there and are found.
func TestUnsyncedSeen(t *testing.T) {
	dir := realDir(t)
	d, err := store.OpenUnsynced(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b := d.Begin()
	b.SetNote(noteOf(1))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, kb := range dirtyKB(t, dir) {
		sum += kb
	}
	if sum == 0 {
		t.Fatal("an unsynced write left no dirty page, or they are not found")
	}
}

// realDir is a directory on a disk: pages of a memory disk are always dirty.
func realDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type == unix.TMPFS_MAGIC {
		t.Skipf("SKIPPED, nothing was tested: %s is in memory, set TMPDIR to a directory on a disk", dir)
	}
	return dir
}
