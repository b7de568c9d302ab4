package discovery_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/discovery"
)

// A finder must live wholly inside a namespace, goroutines and all. So the test binary
// starts itself there, with what it is to be in this variable.
const personaVariable = "MUSAFIR_TEST_FINDER"

// A persona is what a device of the tests is.
type persona struct {
	Name       string // makes its key
	Silent     bool   // advertises nothing
	Seal, Open []string
	Eager      bool
	Library    bool // does nothing but to ask once with the library's client
}

// An event is a line that a device writes.
type event struct {
	Started *time.Time        `json:",omitempty"`
	Heard   *discovery.Heard  `json:",omitempty"`
	Report  *discovery.Report `json:",omitempty"`
	Ended   *time.Duration    `json:",omitempty"` // how long Run took to end
	Found   []crdt.DeviceID   `json:",omitempty"`
	Err     string            `json:",omitempty"`
}

func TestMain(m *testing.M) {
	if text := os.Getenv(personaVariable); text != "" {
		var p persona
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if p.Library {
			p.askLibrary()
		} else {
			p.run()
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// keyOf is a sealing key by name.
func keyOf(name string) []byte {
	sum := sha256.Sum256([]byte("key of " + name))
	return sum[:]
}

func keysOf(names []string) (keys [][]byte) {
	for _, n := range names {
		keys = append(keys, keyOf(n))
	}
	return keys
}

func deviceOf(name string) crdt.DeviceID {
	seed := sha256.Sum256([]byte("device " + name))
	return crdt.DeviceIDOf(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
}

func (p persona) askLibrary() {
	e := event{}
	var err error
	if e.Found, err = discovery.AskLibrary(context.Background(), "eth0", keyOf(p.Open[0])); err != nil {
		e.Err = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(e)
}

// run is the device: it obeys the lines of its input, and ends with them.
func (p persona) run() {
	lines := make(chan event, 1024)
	written := make(chan struct{})
	go func() {
		defer close(written)
		out := json.NewEncoder(os.Stdout)
		for e := range lines {
			_ = out.Encode(e)
		}
	}()
	var digest atomic.Uint32
	f := discovery.New(discovery.Config{
		Notice: func() (discovery.Notice, bool) {
			return discovery.Notice{Device: deviceOf(p.Name), TCP: 7001, UDP: 7002, Digest: [8]byte{byte(digest.Load())}}, !p.Silent
		},
		Seal:  func() [][]byte { return keysOf(p.Seal) },
		Open:  func() [][]byte { return keysOf(p.Open) },
		Heard: func(h discovery.Heard) { lines <- event{Heard: &h} },
	})
	f.Eager(p.Eager)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error)
	now := time.Now()
	lines <- event{Started: &now}
	go func() { ran <- f.Run(ctx) }()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch word, _, _ := strings.Cut(in.Text(), " "); word {
		case "report":
			r := f.Report()
			lines <- event{Report: &r}
		case "ask":
			f.Ask()
		case "eager":
			f.Eager(true)
		case "change":
			digest.Add(1)
		}
	}
	asked := time.Now()
	cancel()
	e := event{}
	if err := <-ran; err != nil {
		e.Err = err.Error()
	}
	took := time.Since(asked)
	e.Ended = &took
	lines <- e
	close(lines)
	<-written
}
