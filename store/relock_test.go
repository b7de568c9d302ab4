package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"musafir/store"
)

// opens checks which of several locks open a directory: the first, and no other.
func opens(t *testing.T, path string, with store.Lock, device []byte, others ...store.Lock) {
	t.Helper()
	for _, l := range others {
		if err := store.CheckLock(path, l); err == nil {
			t.Errorf("%+v opens it too", l)
		}
		if d, err := store.OpenDir(path, store.Options{Lock: l}); err == nil {
			d.Close()
			t.Errorf("it opens with %+v too", l)
		}
	}
	d, err := store.OpenDir(path, store.Options{Lock: with})
	if err != nil {
		t.Fatalf("open with %+v: %v", with, err)
	}
	defer d.Close()
	if !slices.Equal(d.Device, device) {
		t.Error("the device key changed")
	}
}

func phrase(s string) store.Lock { return store.Lock{Passphrase: s} }

func TestRelock(t *testing.T) {
	path, device := newDir(t)
	stick := store.Lock{KeyFile: filepath.Join(t.TempDir(), "stick.key")}
	own := store.Lock{}
	steps := []struct {
		to      store.Lock
		kind    store.LockKind
		keyFile bool // the directory has one
	}{
		{phrase("first words"), store.ByPassphrase, false},
		{phrase("second words"), store.ByPassphrase, false},
		{own, store.ByKeyFile, true},
		{phrase("first words"), store.ByPassphrase, false},
		{stick, store.ByKeyFile, false},
		{phrase("third words"), store.ByPassphrase, false},
	}
	before := own
	for i, s := range steps {
		if err := store.Relock(path, before, s.to); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		opens(t, path, s.to, device, before, phrase("other words"))
		if kind, err := store.LockOf(path); kind != s.kind || err != nil {
			t.Errorf("step %d: it is locked by %q, %v", i, kind, err)
		}
		for _, name := range []string{"key", "key.copy"} {
			if _, err := os.Stat(filepath.Join(path, name)); errors.Is(err, fs.ErrNotExist) == s.keyFile {
				t.Errorf("step %d: %s: %v", i, name, err)
			}
		}
		before = s.to
	}
	if b := read(t, stick.KeyFile); !strings.Contains(string(b), "AGE-SECRET-KEY-1") {
		t.Errorf("the key file elsewhere: %q", b)
	}
}

func TestRelockRefused(t *testing.T) {
	path, device := newDir(t)
	locked, _ := newDir(t)
	if err := store.Relock(locked, store.Lock{}, phrase("words")); err != nil {
		t.Fatal(err)
	}
	junk := filepath.Join(t.TempDir(), "junk")
	write(t, []byte("no key at all\n"), junk)
	gone := store.Lock{KeyFile: filepath.Join(t.TempDir(), "gone")}
	for name, c := range map[string]struct {
		path     string
		from, to store.Lock
		cause    error
		says     string
	}{
		"wrong passphrase":           {locked, phrase("other"), phrase("new"), store.ErrWrongPassphrase, ""},
		"no passphrase":              {locked, store.Lock{}, phrase("new"), store.ErrNeedsPassphrase, ""},
		"a key file for a phrase":    {locked, gone, phrase("new"), store.ErrNeedsPassphrase, ""},
		"a phrase for a key file":    {path, phrase("words"), phrase("new"), store.ErrNoPassphrase, ""},
		"no such key file":           {path, gone, phrase("new"), store.ErrNeedsKeyFile, ""},
		"no key file at all":         {path, store.Lock{KeyFile: junk}, phrase("new"), nil, "is damaged, or none"},
		"to something that is none":  {path, store.Lock{}, store.Lock{KeyFile: junk}, nil, "is damaged, or none"},
		"to a folder that is absent": {path, store.Lock{}, store.Lock{KeyFile: filepath.Join(gone.KeyFile, "key")}, nil, "no such file"},
		"an empty directory":         {t.TempDir(), store.Lock{}, phrase("new"), store.ErrNoCamp, ""},
	} {
		err := store.Relock(c.path, c.from, c.to)
		if err == nil || c.cause != nil && !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	opens(t, path, store.Lock{}, device, phrase("new"))
	if string(read(t, junk)) != "no key at all\n" {
		t.Error("a file that is no key was changed")
	}
}

// TestRelockInterrupted cuts a change of the lock off after each file: what opens the
// directory is what the file says, and the next start tidies up.
func TestRelockInterrupted(t *testing.T) {
	path, device := newDir(t)
	before := map[string][]byte{}
	for _, name := range []string{"data-key", "data-key.copy", "key", "key.copy"} {
		before[name] = read(t, path, name)
	}
	if err := store.Relock(path, store.Lock{}, phrase("words")); err != nil {
		t.Fatal(err)
	}
	after := read(t, path, "data-key")
	undone := []string{"key.copy", "key", "data-key.copy"} // the other way round than they are done
	for n := range len(undone) + 1 {
		write(t, after, path, "data-key")
		write(t, after, path, "data-key.copy")
		for _, name := range undone[:n] {
			write(t, before[name], path, name)
		}
		write(t, before["key"], path, ".key.123") // half written
		opens(t, path, phrase("words"), device, store.Lock{})
		if names := listing(t, path); slices.ContainsFunc(names, func(s string) bool { return strings.Contains(s, "key") && s != "data-key" && s != "data-key.copy" }) {
			t.Errorf("after %v: %v are left", undone[:n], names)
		}
		if string(read(t, path, "data-key.copy")) != string(after) {
			t.Errorf("after %v the copy still opens with what was replaced", undone[:n])
		}
	}
	write(t, before["data-key"], path, "data-key") // not begun, but for the copy of a later attempt
	for name, b := range before {
		write(t, b, path, name)
	}
	write(t, after, path, "data-key.copy")
	opens(t, path, store.Lock{}, device, phrase("words"))
}

// A directory that is open elsewhere can get another lock; one that is just being
// opened cannot.
func TestRelockWhileOpen(t *testing.T) {
	path, device := newDir(t)
	d, err := store.OpenDir(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Relock(path, store.Lock{}, phrase("words")); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	opens(t, path, phrase("words"), device, store.Lock{})
}

func TestCreateLocked(t *testing.T) {
	for _, lock := range []store.Lock{phrase("words"), {KeyFile: filepath.Join(t.TempDir(), "stick.key")}} {
		path := filepath.Join(t.TempDir(), "data")
		// What an attempt with another lock left is of no use, and in no way.
		for _, l := range []store.Lock{phrase("given up"), lock} {
			d, err := store.CreateDir(path, store.Options{Lock: l})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if l != lock {
				remove(t, path, "format")
				remove(t, path, "db")
			}
		}
		if slices.Contains(listing(t, path), "key") {
			t.Error("there is a key file of its own beside")
		}
		if err := store.CheckLock(path, lock); err != nil {
			t.Error(err)
		}
		if err := store.CheckLock(path, phrase("given up")); err == nil {
			t.Error("it opens with what was given up")
		}
	}
}

func TestDestroyKeys(t *testing.T) {
	path, _ := newDir(t)
	var open []*os.File // to see what becomes of the bytes
	names := []string{"key", "key.copy", "data-key", "data-key.copy", "device", "device.copy", ".device.next.77"}
	write(t, read(t, path, "device"), path, ".device.next.77")
	var before [][]byte
	for _, name := range names {
		f, err := os.Open(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		open, before = append(open, f), append(before, read(t, path, name))
	}
	if err := store.DestroyKeys(path); err != nil {
		t.Fatal(err)
	}
	for i, f := range open {
		b := make([]byte, len(before[i]))
		if _, err := f.ReadAt(b, 0); err != nil || slices.Equal(b, before[i]) {
			t.Errorf("%s was not overwritten: %v", names[i], err)
		}
	}
	if left := listing(t, path); slices.ContainsFunc(left, func(s string) bool { return slices.Contains(names, s) }) {
		t.Errorf("%v are left", left)
	}
	if _, err := store.OpenDir(path, store.Options{}); err == nil {
		t.Error("it opens still")
	}
	if err := store.DestroyKeys(filepath.Join(path, "absent")); err == nil {
		t.Error("a directory that is not there was destroyed")
	}
}
