package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// demoProgram is the demo as a process, with a temporary directory of its own.
func demoProgram(t *testing.T, args ...string) (cmd *exec.Cmd, temp string) {
	temp = t.TempDir()
	cmd = program(t, filepath.Join(temp, "unused"), append([]string{"demo"}, args...)...)
	cmd.Env = append(cmd.Env, "TMPDIR="+temp, "TMP="+temp)
	return cmd, temp
}

// wantNothingLeft fails if the demo left a file.
func wantNothingLeft(t *testing.T, temp string) {
	t.Helper()
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("the demo left %s", f.Name())
	}
}

func TestDemoDocument(t *testing.T) {
	cmd, temp := demoProgram(t, "--once", "--json")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	var doc demoDoc
	mustUnmarshal(t, out, &doc)
	if len(doc.Devices) != 3 || len(doc.Steps) != 6 {
		t.Errorf("%d devices and %d steps, expected 3 and 6", len(doc.Devices), len(doc.Steps))
	}
	for _, s := range doc.Steps {
		if s.Title == "" || len(s.Said) == 0 || s.Seconds <= 0 {
			t.Errorf("an empty step: %+v", s)
		}
	}
	wantNothingLeft(t, temp)
}

// Ctrl-C in the middle ends the demo and its devices.
func TestDemoInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can be interrupted there")
	}
	cmd, temp := demoProgram(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	daemons := awaitDaemons(t, temp, 2)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var failed *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &failed) || failed.ExitCode() != exitFailed {
		t.Errorf("the demo, cut off, ended with %v", err)
	}
	awaitEnd(t, daemons)
	wantNothingLeft(t, temp)
}

// A reader who leaves early changes nothing about the end.
func TestDemoUnread(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd, temp := demoProgram(t, "--once")
	cmd.Stdout = w
	if err := errors.Join(r.Close(), cmd.Start(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	wantNothingLeft(t, temp)
}

// A killed demo cannot tidy up, but its devices end.
func TestDemoKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere processes outlive the one that started them")
	}
	cmd, temp := demoProgram(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	daemons := awaitDaemons(t, temp, 2)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	awaitEnd(t, daemons)
}

// awaitDaemons waits until so many devices of a demo are up, and gives their
// processes.
func awaitDaemons(t *testing.T, temp string, n int) (pids []int) {
	t.Helper()
	awaitTrue(t, "the devices of the demo are up", func() bool {
		dirs, err := filepath.Glob(filepath.Join(temp, "musafir-demo-*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		pids = nil
		for _, dir := range dirs {
			if run, err := readRunFile(dir); err == nil {
				pids = append(pids, run.PID)
			}
		}
		return len(pids) >= n
	})
	return pids
}

func awaitEnd(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		awaitTrue(t, "the daemon "+strconv.Itoa(pid)+" is gone", func() bool { return !runs(pid) })
	}
}

// runs tells whether a process is there and has not ended.
func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if runtime.GOOS != "linux" {
		return false // the demo waits for its daemons, and it has ended
	}
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func awaitTrue(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(scriptWait); !met(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", scriptWait, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// A step that does not come out as said is an error with what was expected.
func TestDemoExpects(t *testing.T) {
	if err := expect(true, "this"); err != nil {
		t.Error(err)
	}
	err := expect(false, "%d devices", 3)
	if err == nil || !strings.Contains(err.Error(), "expected 3 devices") || isUsage(err) {
		t.Errorf("the error is %v", err)
	}
}

// A daemon that cannot start is an error that has what it said.
func TestLocalCampStartFails(t *testing.T) {
	t.Setenv(runAsProgram, "1")
	camp, err := newLocalCamp(t.TempDir(), "camp-")
	if err != nil {
		t.Fatal(err)
	}
	d := camp.add("broken one")
	if err := os.WriteFile(d.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.up(t.Context()); err == nil || !strings.Contains(err.Error(), "musafir: ") {
		t.Errorf("the error is %v", err)
	}
	if _, err := d.musafir(t.Context(), "get", "a"); err == nil || !strings.Contains(err.Error(), "Usage") {
		t.Errorf("the error is %v", err)
	}
	_ = camp.close() // the daemon ended badly
	wantNothingLeft(t, filepath.Dir(camp.dir))
}

func TestDemoRecordsAreLines(t *testing.T) {
	lines, err := demoLines()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lines {
		if !json.Valid(l) {
			t.Errorf("line %d is no JSON", i+1)
		}
	}
}
