package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"musafir/store"
)

// Leaving a camp is one step on disk: before it the camp is there, after it none is,
// with whatever a kill left lying about.
func TestLeaveCamp(t *testing.T) {
	path := initDevice(t)
	dir, err := openFree(path, store.Lock{})
	check(t, err)
	device := dir.Device
	check(t, dir.Close())
	check(t, os.Rename(filepath.Join(path, "db"), filepath.Join(path, leftName))) // as if killed here
	if _, err := store.OpenDir(path, store.Options{}); !errors.Is(err, store.ErrNoCamp) {
		t.Fatalf("after the step: %v", err)
	}
	if out, err := program(t, path, "status").CombinedOutput(); err == nil || !strings.Contains(string(out), "no camp") {
		t.Fatalf("%v\n%s", err, out)
	}
	dir, err = openFree(path, store.Lock{})
	check(t, err)
	defer dir.Close()
	if dir.Identity() != (store.Identity{}) || !dir.Device.Equal(device) {
		t.Error("a camp is there, or the device has another key")
	}
	if _, err := os.Stat(filepath.Join(path, leftName)); err == nil {
		t.Error("what was left is still there")
	}
}

func TestLeaveCampAtOnce(t *testing.T) {
	dir, err := openFree(initDevice(t), store.Lock{})
	check(t, err)
	dir, err = leaveCamp(dir, store.Lock{})
	check(t, err)
	defer dir.Close()
	if entries, _, _, _ := dir.Counts(); entries != 0 || dir.Identity() != (store.Identity{}) {
		t.Errorf("%d entries are left", entries)
	}
}
