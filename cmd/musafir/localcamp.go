package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	daemonStart = 30 * time.Second // for a daemon to answer
	daemonEnd   = 10 * time.Second // for a daemon to end before it is killed
	daemonPoll  = 5 * time.Millisecond
	equalWait   = 20 * time.Second // for devices that hold all records to have merged them
)

// A localCamp is several devices of one camp on this machine. Each has a directory
// of its own, and is run by this same program in a process of its own.
type localCamp struct {
	program string
	dir     string // holds the directories of the devices
	devices []*localDevice
}

// newLocalCamp makes a directory below parent, "" for the system's temporary one.
func newLocalCamp(parent, pattern string) (*localCamp, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	// A reader who leaves, as head does, must not end this process before it has
	// tidied up.
	signal.Ignore(syscall.SIGPIPE)
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return nil, err
	}
	return &localCamp{program: program, dir: dir}, nil
}

// close ends all daemons and removes what they wrote.
func (c *localCamp) close() error {
	for _, d := range c.devices {
		if d.stop != nil {
			d.stop() // all at once
		}
	}
	var failed error
	for _, d := range c.devices {
		failed = errors.Join(failed, d.down())
	}
	return errors.Join(failed, os.RemoveAll(c.dir))
}

func (c *localCamp) add(name string) *localDevice {
	d := &localDevice{name: name, dir: filepath.Join(c.dir, strings.ReplaceAll(name, " ", "-")), program: c.program}
	c.devices = append(c.devices, d)
	return d
}

// found makes the camp and its first device, and leaves it down.
func (c *localCamp) found(ctx context.Context, camp, name string) (*localDevice, error) {
	d := c.add(name)
	_, err := d.musafir(ctx, "init", "--camp", camp, "--device", name)
	return d, err
}

// join admits a device with a code that another one gives, at an address that leads
// to that one, and leaves it down.
func (c *localCamp) join(ctx context.Context, at *localDevice, address, name string) (d *localDevice, code string, err error) {
	doc, err := at.musafir(ctx, "invite", "--json")
	if err != nil {
		return nil, "", err
	}
	var invitation struct{ Code string }
	if err := json.Unmarshal(doc, &invitation); err != nil {
		return nil, "", fmt.Errorf("read the invitation: %w", err)
	}
	d = c.add(name)
	_, err = d.musafir(ctx, "join", invitation.Code, "--device", name, "--peer", address)
	return d, invitation.Code, err
}

// awaitEqual waits until all devices hold so many records, and the same ones.
func (c *localCamp) awaitEqual(ctx context.Context, records uint64) (*statusDoc, error) {
	deadline := time.Now().Add(equalWait)
	for {
		stand := make([]statusDoc, len(c.devices))
		equal := true
		for i, d := range c.devices {
			if err := d.get(ctx, "/v1/status", &stand[i]); err != nil {
				return nil, err
			}
			s, first := &stand[i], &stand[0]
			equal = equal && s.Counts.Records == records && s.Digest == first.Digest && s.StateRoot == first.StateRoot
		}
		if equal {
			return &stand[0], nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("after %s the devices do not hold the same %d records: %s", equalWait, records, c.describe(stand))
		}
		if err := pause(ctx, daemonPoll); err != nil {
			return nil, err
		}
	}
}

func (c *localCamp) describe(stand []statusDoc) string {
	parts := make([]string, len(stand))
	for i, s := range stand {
		parts[i] = fmt.Sprintf("%s %d (digest %.8s, state %.8s)", c.devices[i].name, s.Counts.Records, s.Digest, s.StateRoot)
	}
	return strings.Join(parts, ", ")
}

// A localDevice is one device of a local camp.
type localDevice struct {
	name, dir string
	program   string

	// While its daemon runs:
	*client
	listen []string
	pid    int
	stop   func() // asks it to end; nil: none runs
	ended  chan error
	said   *bytes.Buffer // to be read once it has ended
}

// command is this program on the device's directory. It ends with ctx, and with
// this process.
func (d *localDevice) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.program, append([]string{"--data", d.dir}, args...)...)
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = daemonEnd
	cmd.SysProcAttr = endsWithParent()
	return cmd
}

// interrupt asks a process to end, as Ctrl-C does. Where there is no such thing it
// ends it.
func interrupt(p *os.Process) error {
	if runtime.GOOS == "windows" {
		return p.Kill()
	}
	return p.Signal(os.Interrupt)
}

// musafir runs a command as somebody at the device would, and gives what it prints.
func (d *localDevice) musafir(ctx context.Context, args ...string) ([]byte, error) {
	out, err := d.command(ctx, args...).Output()
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(failed.Stderr))
	}
	if err != nil {
		return nil, fmt.Errorf("musafir %s, on the %s: %w", args[0], d.name, err)
	}
	return out, nil
}

// up runs the daemon until down or the end of ctx, and returns once it answers.
func (d *localDevice) up(ctx context.Context, peers ...string) error {
	args := []string{"up", "--http", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0"}
	for _, p := range peers {
		args = append(args, "--peer", p)
	}
	running, stop := context.WithCancel(ctx)
	cmd := d.command(running, args...)
	d.said = &bytes.Buffer{}
	cmd.Stderr = d.said
	if err := cmd.Start(); err != nil {
		stop()
		return fmt.Errorf("start the %s: %w", d.name, err)
	}
	d.pid, d.stop, d.ended = cmd.Process.Pid, stop, make(chan error, 1)
	go func() { d.ended <- cmd.Wait() }()
	return d.awaitUp(ctx)
}

func (d *localDevice) awaitUp(ctx context.Context) error {
	for deadline := time.Now().Add(daemonStart); time.Now().Before(deadline); {
		if d.client = (&app{}).dial(ctx, d.dir); d.client != nil {
			run, err := readRunFile(d.dir)
			if err != nil {
				return err
			}
			d.listen = run.Listen
			return nil
		}
		select {
		case err := <-d.ended:
			d.ended <- err
			return fmt.Errorf("the %s ended at its start: %w\n%s", d.name, err, d.said)
		default:
		}
		if err := pause(ctx, daemonPoll); err != nil {
			return err
		}
	}
	return fmt.Errorf("the %s did not answer within %s", d.name, daemonStart)
}

// down ends the daemon, if one runs.
func (d *localDevice) down() error {
	if d.stop == nil {
		return nil
	}
	d.stop()
	err := <-d.ended
	d.client, d.stop = nil, nil
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && runtime.GOOS != "windows" {
		return fmt.Errorf("the %s ended badly: %w\n%s", d.name, err, d.said)
	}
	return nil // it did what it was told
}

// address is where other devices reach this one.
func (d *localDevice) address() string { return d.listen[0] }

// get asks the daemon for a document.
func (d *localDevice) get(ctx context.Context, path string, v any) error {
	doc, err := d.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(doc, v)
}

// pause waits a moment, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errInterrupted
	}
}
