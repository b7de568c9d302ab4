package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

// newDir is a closed directory with a camp in it.
func newDir(t *testing.T) (path string, device []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "data")
	d, _, err := deviceIn(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path, d.Device
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, b []byte, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path ...string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(path...)); err != nil {
		t.Fatal(err)
	}
}

func TestKeyFilesMended(t *testing.T) {
	damages := map[string]func(b []byte) []byte{
		"missing":    func([]byte) []byte { return nil },
		"empty":      func([]byte) []byte { return []byte{} },
		"cut off":    func(b []byte) []byte { return b[:len(b)-9] },
		"bit":        func(b []byte) []byte { b[len(b)-20] ^= 1; return b },
		"other kind": func(b []byte) []byte { return append([]byte("musafir other 1"), b[bytes.IndexByte(b, '\n'):]...) },
	}
	for _, name := range []string{"key", "key.copy", "data-key", "data-key.copy", "device", "device.copy"} {
		for what, damage := range damages {
			t.Run(name+" "+what, func(t *testing.T) {
				path, device := newDir(t)
				good := read(t, path, name)
				if bad := damage(bytes.Clone(good)); bad == nil {
					remove(t, path, name)
				} else {
					write(t, bad, path, name)
				}
				d, err := store.OpenDir(path, store.Options{})
				if err != nil {
					t.Fatalf("open: %v", err)
				}
				defer d.Close()
				if !bytes.Equal(d.Device, device) {
					t.Fatalf("the device key changed")
				}
				if !bytes.Equal(read(t, path, name), good) {
					t.Fatalf("%s was not mended", name)
				}
			})
		}
	}
}

func TestKeyFilesRefused(t *testing.T) {
	other, _ := newDir(t)
	cases := map[string]struct {
		harm  func(t *testing.T, path string)
		says  string
		cause error
	}{
		"both damaged": {func(t *testing.T, path string) {
			write(t, []byte("musafir data-key 1 key-file\nAAAA\n"), path, "data-key")
			write(t, nil, path, "data-key.copy")
		}, "its copy data-key.copy does not help either", nil},
		"both missing": {func(t *testing.T, path string) {
			remove(t, path, "device")
			remove(t, path, "device.copy")
		}, "device is missing", nil},
		"different":                     {func(t *testing.T, path string) { write(t, read(t, other, "device"), path, "device.copy") }, "hold different keys", nil},
		"data key of another directory": {func(t *testing.T, path string) { write(t, read(t, other, "data-key"), path, "data-key") }, "", store.ErrWrongKeyFile},
		"key file of another directory": {func(t *testing.T, path string) { write(t, read(t, other, "key"), path, "key") }, "", store.ErrWrongKeyFile},
		"no key file": {func(t *testing.T, path string) {
			remove(t, path, "key")
			remove(t, path, "key.copy")
		}, "", store.ErrNeedsKeyFile},
		"device of another directory": {func(t *testing.T, path string) {
			write(t, read(t, other, "device"), path, "device")
			write(t, read(t, other, "device"), path, "device.copy")
		}, "of another directory", nil},
		"keys of another directory": {func(t *testing.T, path string) {
			for _, name := range []string{"key", "key.copy", "data-key", "data-key.copy", "device", "device.copy"} {
				write(t, read(t, other, name), path, name)
			}
		}, "", store.ErrWrongKey},
		"newer format":   {func(t *testing.T, path string) { write(t, []byte("musafir 9999\n"), path, "format") }, "it has format 9999", store.ErrNewerFormat},
		"older format":   {func(t *testing.T, path string) { write(t, []byte("musafir 0\n"), path, "format") }, "no longer reads", nil},
		"garbage format": {func(t *testing.T, path string) { write(t, []byte{0, 1, 2}, path, "format") }, "is damaged", nil},
		"no format":      {func(t *testing.T, path string) { remove(t, path, "format") }, "put it back", nil},
		"no directory":   {func(t *testing.T, path string) { remove(t, path) }, "", store.ErrNoCamp},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path, _ := newDir(t)
			c.harm(t, path)
			before := listing(t, path)
			for _, open := range []func(string, store.Options) (*store.Dir, error){store.OpenDir, store.CreateDir} {
				if name == "no directory" && len(before) > 0 {
					continue
				}
				d, err := open(path, store.Options{})
				if name == "no directory" && err == nil {
					d.Close() // CreateDir makes it
					continue
				}
				if err == nil {
					d.Close()
					t.Fatalf("it was opened")
				}
				if !strings.Contains(err.Error(), c.says) || c.cause != nil && !errors.Is(err, c.cause) {
					t.Fatalf("refused with %q", err)
				}
			}
		})
	}
}

func listing(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestInUse(t *testing.T) {
	path, _ := newDir(t)
	d, err := store.OpenDir(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenDir(path, store.Options{}); !errors.Is(err, store.ErrInUse) {
		t.Fatalf("second open in the process: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	c := startChild(t, "hold", path)
	c.line(t)
	if _, err := store.OpenDir(path, store.Options{}); !errors.Is(err, store.ErrInUse) {
		t.Fatalf("second open beside another process: %v", err)
	}
	c.stdin.Close()
	c.finish(t)
	d, err = store.OpenDir(path, store.Options{})
	if err != nil {
		t.Fatalf("open after the other ended: %v", err)
	}
	d.Close()
}

// TestCreateInterrupted cuts creation off after each file.
func TestCreateInterrupted(t *testing.T) {
	order := []string{"key.copy", "key", "data-key", "data-key.copy", "device.copy", "device", "format", "db"}
	for n := range len(order) + 1 {
		whole, device := newDir(t)
		for _, name := range order[n:] {
			remove(t, whole, name)
		}
		d, err := store.CreateDir(whole, store.Options{})
		if err != nil {
			t.Fatalf("with %v there: %v", order[:n], err)
		}
		if n > 4 && !bytes.Equal(d.Device, device) {
			t.Errorf("with %v there the device got another key", order[:n])
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := store.OpenDir(whole, store.Options{}); n < len(order) && !errors.Is(err, store.ErrNoCamp) {
			t.Fatalf("a new directory holds: %v", err)
		}
	}
}

func TestPermissions(t *testing.T) {
	path, _ := newDir(t)
	for _, name := range []string{"", "db"} {
		expectMode(t, filepath.Join(path, name), 0o700)
	}
	for _, name := range []string{"key", "key.copy", "data-key", "data-key.copy", "device", "device.copy", "format"} {
		expectMode(t, filepath.Join(path, name), 0o600)
	}
}

func expectMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v, %v", path, info.Mode().Perm(), want, err)
	}
}

// TestNothingInPlain: what records say, and what they are called, is in no file,
// while the store is open and afterwards.
func TestNothingInPlain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d, device, err := deviceIn(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 { // more than one memtable
		if err := writeBatch(device, 4, 16, randomFields(8000)); err != nil {
			t.Fatal(err)
		}
		device.Put(t, "patients", fmt.Sprint("Chowdhury-", i), "surname", "Rahmatullah", "camp", "Kutupalong")
	}
	words := []string{"Rahmatullah", "Chowdhury", "Kutupalong", "surname", "patients", "author 1"}
	expectNowhere(t, path, words)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	expectNowhere(t, path, words)
}

func expectNowhere(t *testing.T, dir string, words []string) {
	t.Helper()
	tables, bytesRead := 0, 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() || e.Name() == "ballast" {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // became a table
		}
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) {
				t.Errorf("%q stands in plain in %s", w, path)
			}
		}
		if filepath.Ext(path) == ".sst" {
			tables++
		}
		bytesRead += len(b)
		return err
	})
	if err != nil || tables == 0 || bytesRead < 1<<20 {
		t.Fatalf("looked at %d tables, %d bytes, %v", tables, bytesRead, err)
	}
}

func TestSizeAndDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d, device, err := deviceIn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	before := d.Size()
	if err := writeBatch(device, 4, 16, randomFields(8000)); err != nil {
		t.Fatal(err)
	}
	if grown := d.Size() - before; grown < 100<<10 || grown > 64<<20 {
		t.Errorf("the database grew from %d by %d bytes", before, grown)
	}
	if free, _ := d.Disk(); free == 0 {
		t.Errorf("no space is free")
	}
}

// TestUnbornLog: a kill just when the database had created the file of a new log
// leaves it empty.
func TestUnbornLog(t *testing.T) {
	for _, names := range [][]string{{"00009.mem"}, {"000002.vlog"}, {"00009.mem", "00010.mem"}, {"00009.mem", "00010.mem", "000002.vlog"}} {
		path, _ := newDir(t)
		for _, name := range names {
			write(t, nil, path, "db", name)
		}
		d, err := store.OpenDir(path, store.Options{})
		if err != nil {
			t.Fatalf("with %q: %v", names, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A store whose identity names the device's logs, as it once did, is of the same camp.
func TestIdentityOfBefore(t *testing.T) {
	disk := store.NewMemory()
	s, err := store.OpenMemory(disk)
	if err != nil {
		t.Fatal(err)
	}
	b := s.Begin()
	b.SetIdentity(store.Identity{Camp: crdt.CampID{1}})
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	all, err := s.RawKeys()
	if err != nil {
		t.Fatal(err)
	}
	hash := append([]byte{0x58, crdt.HashSize}, make([]byte, crdt.HashSize)...)
	old := append([]byte{0xa3}, all["i"][1:]...)
	old = append(append(append(append(old, 2), hash...), 3), hash...)
	disk.Edit("i", old)
	if s, err = store.OpenMemory(disk); err != nil || s.Identity().Camp != (crdt.CampID{1}) {
		t.Errorf("it is of camp %v, %v", s.Identity(), err)
	}
}
