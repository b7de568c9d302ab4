package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A full disk kills a process that uses Badger, and again at each start: it maps
// its files and touches pages that have nothing behind them. So writes are
// refused while what was taken can still be moved about, and a ballast file is
// given up to get started again.
//
// Measured on databases that were killed when full: a start took up to 48 MB, for
// the tables made of what the write-ahead files hold and those that a merge copies
// before it drops the old ones, and died with less. A merge of a deeper level
// takes some 40 MB more; the reserve is for both, and for one that runs when the
// last write is refused.
const (
	openBytes       = 64 << 20  // free space needed to open
	reserveBytes    = 128 << 20 // left free by writing
	ballastBytes    = 64 << 20
	ballastShareMax = 20 // the ballast takes at most 1/20 of the disk
	ballastName     = "ballast"
)

// ErrDiskFull says that a write was refused because the disk is nearly full.
var ErrDiskFull = errors.New("the disk is nearly full")

type spaceGuard struct {
	dir string
}

func newSpaceGuard(dir string) *spaceGuard { return &spaceGuard{dir: dir} }

// check refuses a write that would eat into the reserve. Only what has been
// written counts: once there is room again, writes go on.
func (g *spaceGuard) check(bytes int) error {
	free, _, err := diskSpace(g.dir)
	if err != nil {
		return fmt.Errorf("see how much disk space is free: %w", err)
	}
	if free < reserveBytes+2*uint64(bytes) {
		return fmt.Errorf("%w: %d MB are free on %s and %d MB must stay free; reading goes on, free some space to write again", ErrDiskFull, free>>20, g.dir, reserveBytes>>20)
	}
	return nil
}

func (g *spaceGuard) state() (free uint64, full bool) {
	free, _, err := diskSpace(g.dir)
	if err != nil {
		return 0, false
	}
	return free, free < reserveBytes
}

// beforeOpen gives the ballast up if opening needs the space, and refuses to open
// if even that does not do.
func (g *spaceGuard) beforeOpen() error {
	free, _, err := diskSpace(g.dir)
	if err != nil {
		return fmt.Errorf("see how much disk space is free: %w", err)
	}
	if free >= openBytes {
		return nil
	}
	if err := os.Remove(filepath.Join(g.dir, ballastName)); err == nil {
		if free, _, err = diskSpace(g.dir); err == nil && free >= openBytes {
			return nil
		}
	}
	return fmt.Errorf("%w: %d MB are free on %s, %d MB are needed to start; nothing is lost, free some space and start again", ErrDiskFull, free>>20, g.dir, openBytes>>20)
}

// layBallast writes the file that can be given up, if there is plenty of room. A
// disk that has no room for it does without.
func (g *spaceGuard) layBallast() {
	path := filepath.Join(g.dir, ballastName)
	free, total, err := diskSpace(g.dir)
	size := min(uint64(ballastBytes), total/ballastShareMax)
	if err != nil || free < 2*(reserveBytes+size) {
		return
	}
	if info, err := os.Stat(path); err == nil && uint64(info.Size()) >= size {
		return
	}
	if err := writeBallast(path, size); err != nil {
		_ = os.Remove(path)
	}
}

func writeBallast(path string, size uint64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i*31 + i>>8) // no file system may take it for a hole
	}
	for left := size; left > 0 && err == nil; left -= min(left, uint64(len(block))) {
		_, err = f.Write(block[:min(left, uint64(len(block)))])
	}
	return errors.Join(err, f.Close())
}
