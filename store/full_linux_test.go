package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"musafir/store"
)

func smallDisk(t *testing.T, mb int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mb)); err != nil {
		t.Skipf("SKIPPED, nothing was tested: a small disk can only be mounted by root (%v)", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// takeRest fills the disk with a file that is none of ours, up to some bytes.
func takeRest(t *testing.T, dir string, leave uint64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "foreign"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for {
		if free := freeOf(t, dir); free < leave+uint64(len(block)) {
			return
		}
		if _, err := f.Write(block); err != nil {
			return
		}
	}
}

func freeOf(t *testing.T, dir string) uint64 {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st.Bavail * uint64(st.Bsize)
}

// TestDiskFull: writes are refused in time, reading goes on, the process lives,
// opening works while full or is refused with words, and nothing is lost.
func TestDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	dir := smallDisk(t, 288)
	c := startChild(t, "fill", dir)
	acknowledged, least := "", freeOf(t, dir)
	for line := c.line(t); line != "full"; line = c.line(t) {
		acknowledged = line
		least = min(least, freeOf(t, dir))
	}
	t.Logf("refused at %d MB free, entry %s; least free before that %d MB", freeOf(t, dir)>>20, acknowledged, least>>20)

	takeRest(t, dir, store.OpenBytes) // somebody else's file, while the store is open
	fmt.Fprintln(c.stdin)
	if line := c.line(t); !strings.HasPrefix(line, "read") {
		t.Fatalf("the child said %q", line)
	}
	c.finish(t)

	takeRest(t, dir, 0)
	refused := startChild(t, "check", dir)
	if err := refused.Wait(); err == nil || !strings.Contains(refused.stderr.String(), store.ErrDiskFull.Error()) {
		t.Fatalf("opening with %d MB free: %v, %.2000s", freeOf(t, dir)>>20, err, refused.stderr.String())
	}

	for _, leave := range []uint64{store.OpenBytes, 1 << 40} {
		if err := os.Remove(filepath.Join(dir, "foreign")); err != nil {
			t.Fatal(err)
		}
		said := "written"
		if leave == store.OpenBytes {
			takeRest(t, dir, leave+1<<20)
			said = "refused"
		}
		again := startChild(t, "check", dir)
		seq, err := strconv.ParseUint(again.line(t), 10, 64)
		if want, _ := strconv.ParseUint(acknowledged, 10, 64); err != nil || seq < want {
			t.Fatalf("entry %d was acknowledged, the head is %d, %v", want, seq, err)
		}
		if line := again.line(t); line != said {
			t.Fatalf("a write with %d MB free was %s", freeOf(t, dir)>>20, line)
		}
		again.finish(t)
	}
}

// TestBallast: what was laid by while there was room makes a start possible.
func TestBallast(t *testing.T) {
	dir := smallDisk(t, 448)
	path := filepath.Join(dir, "data")
	d, _, err := deviceIn(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	ballast, err := os.Stat(filepath.Join(path, "ballast"))
	if err != nil || ballast.Size() < 16<<20 {
		t.Fatalf("ballast: %v, %v", ballast, err)
	}
	takeRest(t, dir, store.OpenBytes-8<<20)
	d, err = store.OpenDir(path, store.Options{})
	if err != nil {
		t.Fatalf("open with ballast: %v", err)
	}
	if _, full := d.Disk(); !full {
		t.Error("the disk is not said to be full")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	takeRest(t, dir, store.OpenBytes-8<<20)
	if _, err := store.OpenDir(path, store.Options{}); !errors.Is(err, store.ErrDiskFull) {
		t.Fatalf("open when the ballast is gone: %v", err)
	}
}
