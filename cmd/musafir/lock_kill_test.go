package main

import (
	"errors"
	"math/rand"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"musafir/store"
)

// An aim is when to kill a program: about the moment at which what it does is done.
type aim time.Duration

// next moves the aim by what the last shot met.
func (a *aim) next(done bool) {
	if done {
		*a -= *a / 10
	} else {
		*a += *a / 10
	}
}

// killed runs the program and kills it about then; it tells whether it had ended by
// itself, and well.
func (a aim) killed(t *testing.T, cmd *exec.Cmd) (done bool) {
	t.Helper()
	check(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%v: %v", cmd.Args, err)
		}
		return true
	case <-time.After(time.Duration(float64(a) * (0.7 + 0.6*rand.Float64()))):
		_ = cmd.Process.Kill()
		return <-ended == nil
	}
}

func timed(t *testing.T, cmd *exec.Cmd) time.Duration {
	t.Helper()
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return time.Since(began)
}

// TestKilledRelock kills changes of the passphrase: one of the two opens the data, and
// never both.
func TestKilledRelock(t *testing.T) {
	notUnderRace(t) // scrypt takes seconds there
	t.Parallel()
	dir := initDevice(t)
	phrases := []string{"first words", "second words"}
	change := func(from, to int) *exec.Cmd {
		return program(t, dir, "passphrase", "change", "--passphrase-file", fileWith(t, phrases[from]), "--new-passphrase-file", fileWith(t, phrases[to]))
	}
	timed(t, program(t, dir, "passphrase", "set", "--new-passphrase-file", fileWith(t, phrases[1])))
	at := aim(timed(t, change(1, 0)))
	now, changes := 0, 0
	for range crashRounds() {
		done := at.killed(t, change(now, 1-now))
		opens := [2]bool{}
		for i, p := range phrases {
			err := store.CheckLock(dir, store.Lock{Passphrase: p})
			if opens[i] = err == nil; err != nil && !errors.Is(err, store.ErrWrongPassphrase) {
				t.Fatal(err)
			}
		}
		if opens[0] == opens[1] || done && opens[now] {
			t.Fatalf("after a change from %d to %d, which ended: %v, they open: %v", now, 1-now, done, opens)
		}
		if at.next(opens[1-now]); opens[1-now] {
			now, changes = 1-now, changes+1
		}
	}
	t.Logf("%d changes, %d of them done", crashRounds(), changes)
	timed(t, program(t, dir, "--passphrase-file", fileWith(t, phrases[now]), "put", "patients", "rahima", "name=Rahima"))
}

func fileWith(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	check(t, store.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

// TestKilledJoin kills devices that join: each has joined, or can join still.
func TestKilledJoin(t *testing.T) {
	t.Parallel()
	x := newTeam(t, 1)
	join := func(dir string) *exec.Cmd {
		return program(t, dir, "join", x.code(), "--device", "tablet", "--peer", x.listen[0])
	}
	at := aim(timed(t, join(filepath.Join(t.TempDir(), "data"))))
	joined := 0
	for range crashRounds() {
		dir := filepath.Join(t.TempDir(), "data")
		done := at.killed(t, join(dir))
		d, err := store.OpenDir(dir, store.Options{})
		if done && err != nil || err != nil && !errors.Is(err, store.ErrNoCamp) {
			t.Fatalf("a join that ended: %v; it opens: %v", done, err)
		}
		at.next(err == nil)
		if err != nil {
			timed(t, join(dir))
			d, err = store.OpenDir(dir, store.Options{})
		} else {
			joined++
		}
		check(t, err)
		if d.Identity().Camp.String() != x.daemons[0].status().Camp.ID || len(d.Branches()) < 2 {
			t.Fatalf("it is in camp %v, with logs %v", d.Identity().Camp, d.Branches())
		}
		check(t, d.Close())
	}
	t.Logf("%d joins, %d of them done", crashRounds(), joined)
	last := x.join("last")
	x.settle(0, last)
}
