package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/store"
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
	notUnderRace(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("MUSAFIR_DATA", filepath.Join(e.WorkDir, "data"))
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up":    startDaemon,
			"down":  stopDaemon,
			"gone":  waitGone,
			"http":  request,
			"await": awaitOutput,
			"hold":  holdRow,

			"env-from": envFrom,
			"invite":   invitation,
		},
	})
}

// holdRow is `hold DIR ID`: a row is held back under an id on a device that is down, as the
// push of a phone does.
func holdRow(ts *testscript.TestScript, _ bool, args []string) {
	d, err := openDevice(ts.MkAbs(args[0]), store.Lock{}, reach{}, slog.New(slog.DiscardHandler))
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: clinic.HeldRows, ID: args[1]}, Max: []crdt.Field{{Key: "at", Value: crdt.Int(1_790_000_000_000)}}}
	for name, text := range map[string]string{"client": "phone-1", "user": "noor", "table": "visits", "row": "v-1", "why": "it has no patient"} {
		e.Set = append(e.Set, crdt.Field{Key: name, Value: crdt.Text(text)})
	}
	_, err = d.Write(ctx, crdt.Transaction{Edits: []*crdt.Edit{e}})
	cancel()
	ts.Check(errors.Join(err, <-ended, d.Close()))
}

const scriptWait = 30 * time.Second

// startDaemon is `up [NAME [FLAG...]]`: a daemon on free ports, once it answers. Its
// directory is NAME, else $MUSAFIR_DATA; its process id is in NAME.pid, what it says
// in NAME.err (up.pid, up.err). $NAME becomes HOST:PORT where others reach it.
func startDaemon(ts *testscript.TestScript, _ bool, args []string) {
	name, data := "up", ts.Getenv("MUSAFIR_DATA")
	if len(args) > 0 {
		name, data, args = args[0], ts.MkAbs(args[0]), args[1:]
	}
	if !slices.Contains(args, "--listen") {
		args = append(args, "--listen", freeListen)
	}
	_ = os.Remove(filepath.Join(data, runName)) // of a killed one
	ts.Check(ts.Exec("sh", append([]string{"-c", `
		name=$1 data=$2; shift 2
		musafir --data "$data" up --http 127.0.0.1:0 "$@" >$name.out 2>$name.err & echo $! >$name.pid`,
		"sh", name, data}, args...)...))
	ts.Defer(func() { _ = ts.Exec("sh", "-c", "kill -9 $(cat "+name+".pid) 2>/dev/null") })
	var run *runFile
	waitFor(ts, func() (up bool) {
		var err error
		run, err = readRunFile(data)
		return err == nil
	})
	p, ok := parsePlace(run.Listen[0])
	if !ok {
		ts.Fatalf("%s listens at %q", name, run.Listen)
	}
	ts.Setenv(name, p.at.String())
}

// stopDaemon is `down NAME`: a clean end.
func stopDaemon(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("sh", "-c", "kill $(cat "+args[0]+".pid)"))
	waitGone(ts, false, []string{filepath.Join(args[0], runName)})
	waitFor(ts, func() bool { return ts.Exec("sh", "-c", "kill -0 $(cat "+args[0]+".pid) 2>/dev/null") != nil })
}

// invitation is `invite VAR NAME [FLAG...]`: $VAR becomes a code of that device, and
// $VAR_QR what its QR code holds.
func invitation(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("musafir", append([]string{"--data", args[1], "invite", "--json"}, args[2:]...)...))
	var doc map[string]string
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
	if len(doc) != 3 || doc["code"] == "" || doc["expires"] == "" || doc["qr"] == "" {
		ts.Fatalf("an invitation is {code, expires, qr}, not %q", doc)
	}
	ts.Setenv(args[0], doc["code"])
	ts.Setenv(args[0]+"_QR", doc["qr"])
}

// awaitOutput is `await PATTERN NAME COMMAND...`: runs the program's command on that
// device until its standard output fits.
func awaitOutput(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	waitFor(ts, func() bool {
		return ts.Exec("musafir", append([]string{"--data"}, args[1:]...)...) == nil && pattern.MatchString(ts.ReadFile("stdout"))
	})
}

// waitGone is `gone FILE`: waits until a file is no more.
func waitGone(ts *testscript.TestScript, _ bool, args []string) {
	waitFor(ts, func() bool { _, err := os.Stat(ts.MkAbs(args[0])); return errors.Is(err, fs.ErrNotExist) })
}

// envFrom is `env-from NAME FILE`: sets a variable to what a file holds, as $(cat FILE)
// does.
func envFrom(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimRight(ts.ReadFile(args[1]), "\n"))
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
	req.Header, req.Host = header, header.Get("Host")
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
