package store_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/store"
	"musafir/store/storetest"
)

// Some tests need a process of their own, which may die: the test binary again,
// with the name of what it shall do.
const childVariable = "MUSAFIR_STORE_CHILD"

var children = map[string]func(dir string) error{
	"write": childWrite,
	"fill":  childFill,
	"check": childCheck,
	"hold":  childHold,
}

func TestMain(m *testing.M) {
	if child, dir, ok := strings.Cut(os.Getenv(childVariable), ":"); ok {
		if err := children[child](dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A child is a running process of the test binary.
type child struct {
	*exec.Cmd
	out    *bufio.Scanner
	stdin  io.WriteCloser
	stderr strings.Builder
}

func startChild(t *testing.T, name, dir string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(self)}
	c.Env = append(os.Environ(), childVariable+"="+name+":"+dir)
	c.Stderr = &c.stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.stdin, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c
}

// line is the next line that the child prints.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.out.Scan() {
		c.Wait()
		t.Fatalf("the child ended: %v, %s", c.ProcessState, c.stderr.String())
	}
	return c.out.Text()
}

func (c *child) finish(t *testing.T) {
	t.Helper()
	if err := c.Wait(); err != nil {
		t.Fatalf("the child ended with %v: %.2000s", err, c.stderr.String())
	}
}

// deviceIn is the device of a directory, as an author that goes on where the store
// ends.
func deviceIn(dir string) (*store.Dir, *storetest.Device, error) {
	d, err := store.CreateDir(dir, store.Options{})
	if err != nil {
		return nil, nil, err
	}
	a, err := storetest.Found(1)
	if err != nil {
		return nil, nil, err
	}
	if d.Identity() == (store.Identity{}) {
		t := &panicker{}
		return d, storetest.NewDevice(t, a, d.Store), nil
	}
	head, entries, size, err := d.Unsealed(a.Log)
	if err != nil {
		return nil, nil, err
	}
	a.Author = crdt.ResumeAuthor(a.Log, head, entries, size)
	return d, &storetest.Device{Author: a, Store: d.Store}, nil
}

// A panicker fails a process that has no test.
type panicker struct{}

func (*panicker) Helper()                      {}
func (*panicker) Logf(string, ...any)          {}
func (*panicker) Errorf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (p *panicker) Fatalf(f string, a ...any)  { p.Errorf(f, a...) }
