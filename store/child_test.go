package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	"rekey": childRekey,
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

// childFill writes until the disk is full, waits for a line, reads, tries to write
// once more, and closes.
func childFill(dir string) error {
	d, device, err := deviceIn(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	for err == nil {
		if err = writeBatch(device, 4, 16, randomFields(2000)); err == nil {
			fmt.Println(device.Head.Seq)
		}
	}
	if !errors.Is(err, store.ErrDiskFull) || d.Broken() != nil {
		return fmt.Errorf("a full disk ended with: %w, %v", err, d.Broken())
	}
	fmt.Println("full")
	bufio.NewScanner(os.Stdin).Scan()
	n := 0
	if err := d.ScanAll(func(r *crdt.Record) (bool, error) { n++; return true, nil }); err != nil {
		return err
	}
	if _, full := d.Disk(); !full {
		return errors.New("the disk is not said to be full")
	}
	if err := writeBatch(device, 1, 1, randomFields(100)); !errors.Is(err, store.ErrDiskFull) {
		return fmt.Errorf("a write to a full disk: %w", err)
	}
	fmt.Println("read", n)
	return d.Close()
}

// childCheck opens the directory, verifies, and writes on.
func childCheck(dir string) error {
	d, device, err := deviceIn(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	storetest.VerifyClean(&panicker{}, d.Store)
	fmt.Println(device.Head.Seq)
	if err := writeBatch(device, 1, 1, randomFields(100)); err != nil {
		fmt.Println("refused")
	} else {
		fmt.Println("written")
	}
	return d.Close()
}

func childHold(dir string) error {
	d, err := store.CreateDir(dir, store.Options{})
	if err != nil {
		return err
	}
	fmt.Println("open")
	bufio.NewScanner(os.Stdin).Scan()
	return d.Close()
}

// A panicker fails a process that has no test.
type panicker struct{}

func (*panicker) Helper()                      {}
func (*panicker) Logf(string, ...any)          {}
func (*panicker) Errorf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (p *panicker) Fatalf(f string, a ...any)  { p.Errorf(f, a...) }
