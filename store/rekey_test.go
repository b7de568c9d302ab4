package store_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/store"
	"musafir/store/storetest"
)

const (
	staged     = "device.next"
	stagedCopy = "device.next.copy"
)

func newKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// tellOf commits the birth of a log of a key, the point of no return of a renewal.
func tellOf(d *store.Dir, key ed25519.PrivateKey) error {
	ordinal := uint64(len(d.Branches()))
	b := &crdt.Birth{
		Camp: d.Identity().Camp, Kind: crdt.RecordLog, Device: key.Public().(ed25519.PublicKey),
		Admission: crdt.EntryID(d.Identity().Camp), Ordinal: ordinal,
	}
	binary.BigEndian.PutUint64(b.Incarnation[:], ordinal)
	c, err := b.Change()
	if err != nil {
		return err
	}
	e, err := crdt.NewEntry(2, nil, "", "", []crdt.Change{c})
	if err != nil {
		return err
	}
	batch := d.Begin()
	defer batch.Discard()
	if err := batch.Append(crdt.Place{}, e.ID(crdt.Place{}), e); err != nil {
		return err
	}
	return batch.Commit()
}

// stagedFiles are both staged files of a key, as StageDevice leaves them.
func stagedFiles(t *testing.T, d *store.Dir, key ed25519.PrivateKey) []byte {
	t.Helper()
	stage(t, d, key)
	return read(t, d.Path, staged)
}

func stage(t *testing.T, d *store.Dir, key ed25519.PrivateKey) {
	t.Helper()
	if err := d.StageDevice(key); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, d.Path, staged), read(t, d.Path, stagedCopy)) {
		t.Fatal("the staged files differ")
	}
}

func tell(t *testing.T, d *store.Dir, key ed25519.PrivateKey) {
	t.Helper()
	if err := tellOf(d, key); err != nil {
		t.Fatal(err)
	}
}

func openCamp(t *testing.T, path string) *store.Dir {
	t.Helper()
	d, err := store.OpenDir(path, store.Options{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// cut leaves the staged files as a power cut would, nil for one that is not there.
func cut(t *testing.T, path string, next, second []byte) {
	t.Helper()
	for name, b := range map[string][]byte{staged: next, stagedCopy: second} {
		if remove(t, path, name); b != nil {
			write(t, b, path, name)
		}
	}
}

// nothingStaged is how a directory looks once a change of keys is over.
func nothingStaged(t *testing.T, path string) {
	t.Helper()
	if slices.ContainsFunc(listing(t, path), func(name string) bool { return name == staged || name == stagedCopy }) {
		t.Errorf("something is staged: %v", listing(t, path))
	}
	if !bytes.Equal(read(t, path, "device"), read(t, path, "device.copy")) {
		t.Error("the device key and its copy differ")
	}
}

// TestRekeyCut cuts a change of keys off between any two of its writes: of the
// staged keys A and B, the log of one, both or none is held.
func TestRekeyCut(t *testing.T) {
	const told, cutOff = "A was told of", "A was not told of"
	for _, c := range []struct {
		when       string
		next, copy string // whose key the files hold
		device     string // and the device's copy, where that is written already
		held       string // whose logs
		want       string // the device's key
	}{
		{when: "A staged by half", copy: "A"},
		{when: "A staged", next: "A", copy: "A"},
		{when: cutOff + ", removed by half", copy: "A"},
		{when: cutOff + ", B staged by half", copy: "B"},
		{when: cutOff + ", B staged by half over it", next: "A", copy: "B"},
		{when: cutOff + ", and B, the other way round", next: "B", copy: "A"},
		{when: cutOff + ", B told of", next: "B", copy: "B", held: "B", want: "B"},
		{when: cutOff + ", B told of, one file of A", next: "A", copy: "B", held: "B", want: "B"},
		{when: told, next: "A", copy: "A", held: "A", want: "A"},
		{when: told + ", B staged by half over it", next: "A", copy: "B", held: "A", want: "A"},
		{when: told + ", and B, the other way round", next: "B", copy: "A", held: "A", want: "A"},
		{when: told + ", a copy lost", next: "A", held: "A", want: "A"},
		{when: told + ", the file lost", copy: "A", held: "A", want: "A"},
		{when: told + ", a copy damaged", next: "A", copy: "-", held: "A", want: "A"},
		{when: told + ", the file damaged", next: "-", copy: "A", held: "A", want: "A"},
		{when: cutOff + ", the file damaged", next: "-", copy: "A"},
		{when: told + ", installed by half", next: "A", copy: "A", device: "A", held: "A", want: "A"},
		{when: "both told of", next: "A", copy: "B", held: "AB", want: "B"},
		{when: "both told of, the other way round", next: "B", copy: "A", held: "AB", want: "B"},
	} {
		t.Run(c.when, func(t *testing.T) {
			path, device := newDir(t)
			d := openCamp(t, path)
			keys := map[string]ed25519.PrivateKey{"": device, "A": newKey(), "B": newKey()}
			files := map[string][]byte{"": nil, "-": []byte("musafir device.next 1\nAAAA\n")}
			files["A"], files["B"] = stagedFiles(t, d, keys["A"]), stagedFiles(t, d, keys["B"])
			for _, held := range strings.Split(c.held, "") {
				tell(t, d, keys[held])
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			cut(t, path, files[c.next], files[c.copy])
			if c.device != "" {
				half := bytes.Replace(files[c.device], []byte(staged), []byte("device"), 1)
				write(t, half, path, "device.copy")
			}
			for range 2 { // the second start finds it done
				d = openCamp(t, path)
				if !d.Device.Equal(keys[c.want]) {
					t.Errorf("the device has another key than %q", c.want)
				}
				nothingStaged(t, path)
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A renewal that failed is tried again, with another key.
func TestStageAgain(t *testing.T) {
	path, _ := newDir(t)
	d := openCamp(t, path)
	a, b := newKey(), newKey()
	stage(t, d, a)
	first := read(t, path, staged)
	stage(t, d, b)
	if bytes.Equal(first, read(t, path, staged)) {
		t.Error("the first key is staged")
	}
	if err := d.InstallDevice(); err == nil {
		t.Error("a key is installed of which no log is held")
	}
	tell(t, d, b)
	if err := d.InstallDevice(); err != nil || !d.Device.Equal(b) {
		t.Errorf("the device did not get the second key: %v", err)
	}
	nothingStaged(t, path)
	if err := d.InstallDevice(); err == nil {
		t.Error("nothing is installed")
	}
}

// Staging anew does not cost a key that was told of and could not be installed.
func TestStageAfterTold(t *testing.T) {
	path, _ := newDir(t)
	d := openCamp(t, path)
	a, b := newKey(), newKey()
	stage(t, d, a)
	tell(t, d, a)
	stage(t, d, b)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d = openCamp(t, path); !d.Device.Equal(a) {
		t.Error("the device lost a key of which a log is held")
	}
	nothingStaged(t, path)
}

func TestUnstage(t *testing.T) {
	path, device := newDir(t)
	d := openCamp(t, path)
	if err := d.UnstageDevice(); err != nil {
		t.Errorf("with nothing staged: %v", err)
	}
	a := newKey()
	stage(t, d, a)
	if err := d.UnstageDevice(); err != nil {
		t.Error(err)
	}
	nothingStaged(t, path)
	stage(t, d, a)
	tell(t, d, a)
	if err := d.UnstageDevice(); err == nil {
		t.Error("a key is dropped of which a log is held")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d = openCamp(t, path); !d.Device.Equal(a) || d.Device.Equal(ed25519.PrivateKey(device)) {
		t.Error("the device did not get its key")
	}
}

// After a commit of which nobody knows how it ended, only the next start can tell.
func TestStageWhenUnsure(t *testing.T) {
	path, _ := newDir(t)
	d := openCamp(t, path)
	a := newKey()
	stage(t, d, a)
	if err := d.Close(); err != nil { // takes no more writes, as a store that failed
		t.Fatal(err)
	}
	before := read(t, path, staged)
	for name, err := range map[string]error{"unstage": d.UnstageDevice(), "stage": d.StageDevice(newKey())} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !bytes.Equal(before, read(t, path, staged)) || !bytes.Equal(before, read(t, path, stagedCopy)) {
		t.Error("the staged key was dropped")
	}
}

// Nothing is guessed where no staged key can be read.
func TestStagedDamaged(t *testing.T) {
	path, _ := newDir(t)
	write(t, []byte("musafir device.next 1\nAAAA\n"), path, staged)
	_, err := store.OpenDir(path, store.Options{})
	if err == nil || !strings.Contains(err.Error(), "device.next is damaged") || !strings.Contains(err.Error(), "from a backup") {
		t.Errorf("refused with %v", err)
	}
	if read(t, path, staged) == nil {
		t.Error("it is gone")
	}
}

// childRekey changes keys until it is killed; some are told of and some are not.
func childRekey(dir string) error {
	d, _, err := deviceIn(dir)
	if err != nil {
		return err
	}
	for {
		key := newKey()
		if err := d.StageDevice(key); err != nil {
			return err
		}
		switch mathrand.IntN(3) {
		case 0: // the commit failed, and the process went on
		case 1:
			err = d.UnstageDevice()
		default:
			if err = tellOf(d, key); err == nil && mathrand.IntN(4) > 0 {
				err = d.InstallDevice()
			}
		}
		if err != nil {
			return err
		}
		fmt.Println(len(d.Branches()))
	}
}

// TestKillRekey kills a process that changes keys again and again: the device has
// the key of the newest log that is held.
func TestKillRekey(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	for range rounds {
		c := startChild(t, "rekey", dir)
		for range 1 + mathrand.IntN(20) {
			c.line(t)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		checkRekeyed(t, dir)
	}
}

func checkRekeyed(t *testing.T, dir string) {
	t.Helper()
	d := openCamp(t, dir)
	var newest *crdt.Birth
	for _, b := range d.Branches() {
		birth, err := d.Birth(b.Log)
		if err != nil {
			t.Fatal(err)
		}
		if birth.Ordinal > 0 && (newest == nil || birth.Ordinal > newest.Ordinal) {
			newest = birth
		}
	}
	if newest != nil && !newest.Device.Equal(d.Device.Public()) {
		t.Fatalf("of %d logs the newest is of another key", len(d.Branches()))
	}
	nothingStaged(t, dir)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestStageHalf: what could not be staged whole is not staged at all.
func TestStageHalf(t *testing.T) {
	path, device := newDir(t)
	d := openCamp(t, path)
	if err := os.MkdirAll(filepath.Join(path, staged, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.StageDevice(newKey()); err == nil {
		t.Error("it is staged")
	}
	remove(t, path, staged)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d = openCamp(t, path); !d.Device.Equal(ed25519.PrivateKey(device)) {
		t.Error("the device has another key")
	}
	nothingStaged(t, path)
	storetest.VerifyClean(t, d.Store)
}
