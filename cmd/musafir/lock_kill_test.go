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

// killed runs the program and kills it at a random moment of the time that it took
// without; it tells whether it had ended by itself, and well.
func killed(t *testing.T, takes time.Duration, cmd *exec.Cmd) (done bool) {
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
	case <-time.After(time.Duration(rand.Int63n(int64(takes)))):
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
	t.Parallel()
	dir := initDevice(t)
	phrases := []string{"first words", "second words"}
	change := func(from, to int) *exec.Cmd {
		return program(t, dir, "passphrase", "change", "--passphrase-file", fileWith(t, phrases[from]), "--new-passphrase-file", fileWith(t, phrases[to]))
	}
	timed(t, program(t, dir, "passphrase", "set", "--new-passphrase-file", fileWith(t, phrases[1])))
	takes := timed(t, change(1, 0))
	now, changes := 0, 0
	for range crashRounds() {
		done := killed(t, takes+takes/8, change(now, 1-now))
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
		if opens[1-now] {
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
	takes := timed(t, join(filepath.Join(t.TempDir(), "data")))
	joined := 0
	for range crashRounds() {
		dir := filepath.Join(t.TempDir(), "data")
		done := killed(t, takes+takes/8, join(dir))
		d, err := store.OpenDir(dir, store.Options{})
		if done && err != nil || err != nil && !errors.Is(err, store.ErrNoCamp) {
			t.Fatalf("a join that ended: %v; it opens: %v", done, err)
		}
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
