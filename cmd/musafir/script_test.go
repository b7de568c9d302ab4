package main

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// runAsProgram makes this test binary be the program, for tests that kill it.
const runAsProgram = "MUSAFIR_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"musafir": main})
}

// TestScripts runs the program as its users do. Each script has a data directory
// of its own in $MUSAFIR_DATA.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("MUSAFIR_DATA", filepath.Join(e.WorkDir, "data"))
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up":   startDaemon,
			"gone": waitGone,
			"http": request,

			"env-from": envFrom,
		},
	})
}

const scriptWait = 30 * time.Second

// startDaemon is `up`: a daemon on a free port, once it answers. Its process id is
// in up.pid, what it says in up.err.
func startDaemon(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(ts.Exec("sh", "-c", `musafir up --http 127.0.0.1:0 --listen /ip4/127.0.0.1/tcp/0 >up.out 2>up.err & echo $! >up.pid`))
	waitFor(ts, func() bool { _, err := os.Stat(filepath.Join(ts.Getenv("MUSAFIR_DATA"), runName)); return err == nil })
	ts.Defer(func() { _ = ts.Exec("sh", "-c", "kill -9 $(cat up.pid) 2>/dev/null") })
}

// waitGone is `gone FILE`: waits until a file is no more.
func waitGone(ts *testscript.TestScript, _ bool, args []string) {
	waitFor(ts, func() bool { _, err := os.Stat(ts.MkAbs(args[0])); return errors.Is(err, fs.ErrNotExist) })
}

// envFrom is `env-from NAME FILE`: sets a variable to what a file holds.
func envFrom(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], ts.ReadFile(args[1]))
}

func waitFor(ts *testscript.TestScript, done func() bool) {
	deadline := time.Now().Add(scriptWait)
	for !done() {
		if time.Now().After(deadline) {
			ts.Fatalf("waited %s in vain", scriptWait)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// request is `http METHOD PATH [NAME=VALUE header...] [BODY]`: the status must be
// below 300, or not if negated; the answer is standard output.
func request(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.Getenv("MUSAFIR_DATA")
	run, err := readRunFile(dir)
	ts.Check(err)
	token, err := apiToken(dir)
	ts.Check(err)
	body := ""
	header := http.Header{"Authorization": {"Bearer " + token}}
	for _, arg := range args[2:] {
		if name, value, ok := strings.Cut(arg, "="); ok && !strings.HasPrefix(arg, "{") {
			header.Set(name, value)
		} else {
			body = arg
		}
	}
	req, err := http.NewRequest(args[0], run.HTTP+args[1], strings.NewReader(body))
	ts.Check(err)
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write([]byte(resp.Status + "\n" + string(text)))
	ts.Check(err)
	if bad := resp.StatusCode >= 300; bad != neg {
		ts.Fatalf("%s %s: %s\n%s", args[0], args[1], resp.Status, text)
	}
}
