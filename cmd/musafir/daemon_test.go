package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A daemon is the real program in a process of its own.
type daemon struct {
	t    testing.TB
	dir  string
	cmd  *exec.Cmd
	errs bytes.Buffer
	*client
}

func program(t testing.TB, dir string, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{"--data", dir}, args...)...)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	return cmd
}

func initDevice(t testing.TB) string {
	dir := filepath.Join(t.TempDir(), "data")
	if out, err := program(t, dir, "init", "--camp", "c", "--device", "d").CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	return dir
}

// notUnderRace leaves out a test that is about quantities, or that starts devices again and
// again, which the race detector would make a matter of minutes. It runs without, too.
func notUnderRace(t *testing.T) {
	if raceFactor > 1 {
		t.Skip("it is about quantities: it runs without the race detector")
	}
}

// freeListen lets daemons of several tests run at once.
const freeListen = "/ip4/127.0.0.1/tcp/0"

// start runs the daemon and returns once it answers.
func start(t testing.TB, dir string) *daemon {
	return launch(t, dir, "up", "--http", "127.0.0.1:0", "--listen", freeListen)
}

func (d *daemon) kill() {
	if d.cmd.ProcessState == nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
	}
}

// end stops the daemon as a user does.
func (d *daemon) end() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Fatalf("the daemon ended badly: %v\n%s", err, d.errs.String())
	}
}

func (d *daemon) verify() {
	d.t.Helper()
	doc, err := d.call(context.Background(), http.MethodPost, "/v1/verify", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	var v verifyDoc
	mustUnmarshal(d.t, doc, &v)
	if len(v.Problems) > 0 {
		d.t.Fatalf("verify: %q", v.Problems)
	}
}

// importMany makes n small records.
func (d *daemon) importMany(n int) error {
	var lines bytes.Buffer
	for i := range n {
		fmt.Fprintf(&lines, `{"collection":"many","id":"r%d","fields":{"text":"some text of some length, as records have"}}`+"\n", i)
	}
	resp, err := d.send(context.Background(), http.MethodPost, "/v1/import", &lines, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}
