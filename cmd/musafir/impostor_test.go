package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/api"
	"musafir/node/replica"
	"musafir/node/wire"
	"musafir/store"
)

// An impostor answers who wants to join, without knowing the code. It has a camp of
// its own.
type impostor struct {
	t    *testing.T
	net  node.Network
	camp *device
	real *daemon // made the code
}

func newImpostor(t *testing.T, camp *device, real *daemon, behave func(*impostor, node.Stream, *wire.Knock)) *impostor {
	_, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	net, err := openNetwork(key, []string{freeListen}, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { net.Close() })
	m := &impostor{t: t, net: net, camp: camp, real: real}
	net.Handle(node.JoinProtocol, func(s node.Stream) {
		defer s.Close()
		s.SetDeadline(time.Now().Add(10 * time.Second))
		f, err := wire.Read(bufio.NewReader(s))
		if knock, ok := f.(*wire.Knock); ok && err == nil {
			behave(m, s, knock)
		}
	})
	return m
}

// runHere is a device with a camp of its own that runs in this process, with no
// network.
func runHere(t *testing.T) *device {
	d, err := openDevice(initDevice(t), store.Lock{}, reach{}, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() { stop(); check(t, <-ended) })
	return d
}

// say sends a frame and all that is behind it in a stream.
func (m *impostor) say(s node.Stream, f wire.Frame) {
	b, err := wire.Append(nil, f)
	if err != nil {
		m.t.Error(err)
	}
	_, _ = s.Write(b) // who hung up has seen enough
}

// admit lets the device into the impostor's own camp, as a coordinator does but for
// the proof that it knows the code.
func (m *impostor) admit(s node.Stream, k *wire.Knock) {
	key, err := s.Peer().PublicKey()
	if err != nil {
		m.t.Error(err)
		return
	}
	receipt, err := m.camp.Admit(context.Background(), crdt.Admission{Device: key, Role: crdt.RoleMember, Name: k.Name})
	if err != nil {
		m.t.Error(err)
		return
	}
	m.say(s, &wire.Welcome{MAC: [32]byte{1}, Camp: m.camp.Identity().Camp, Admission: receipt.Entry, More: true})
	members, _ := m.camp.Members()
	var control []crdt.Range
	for i, b := range m.camp.Branches() {
		if l, ok := members.Log(b.Log); ok && l.Kind == crdt.ControlLog {
			control = append(control, crdt.Range{Branch: uint32(i), From: b.From, To: b.Head.Seq})
		}
	}
	if _, err := replica.Cut(m.camp, control, 1<<20, func(b *wire.Batch) error { m.say(s, b); return nil }); err != nil {
		m.t.Error(err)
	}
	m.say(s, &wire.Bye{Code: wire.ByeDone})
}

// pass hands a request to the device that made the code, and back what that says.
func (m *impostor) pass(s node.Stream, knock *wire.Knock) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	run, err := readRunFile(m.real.dir)
	if err != nil {
		m.t.Error(err)
		return
	}
	id := crdt.DeviceID(m.real.status().Device.ID)
	out, err := m.net.Open(ctx, id, run.Listen, node.JoinProtocol)
	if err != nil {
		m.t.Error(err)
		return
	}
	defer out.Close()
	out.SetDeadline(time.Now().Add(10 * time.Second))
	m.say(out, knock)
	_, _ = io.Copy(s, out)
}

// TestImpostor: whoever answers a device that joins without knowing the code learns
// nothing that lets anybody in, and the device takes nothing from it. The code stays
// good for the device that made it.
func TestImpostor(t *testing.T) {
	camp, real := runHere(t), start(t, initDevice(t))
	for name, tt := range map[string]struct {
		behave func(*impostor, node.Stream, *wire.Knock)
		want   string
	}{
		"admits to another camp": {(*impostor).admit, "does not know the code: it may be an impostor"},
		"gives the request's MAC back": {func(m *impostor, s node.Stream, k *wire.Knock) {
			m.say(s, &wire.Welcome{MAC: k.MAC, Camp: crdt.CampID{2}, Admission: crdt.EntryID{3}})
		}, "does not know the code: it may be an impostor"},
		"passes the request on": {(*impostor).pass, "refused: the code is wrong"},
		"talks noise": {func(_ *impostor, s node.Stream, _ *wire.Knock) {
			_, _ = s.Write(bytes.Repeat([]byte{0xff}, 100))
		}, "ask to join: "},
		"answers off the subject": {func(m *impostor, s node.Stream, k *wire.Knock) { m.say(s, k) }, "ask to join: the other device answered with a "},
		"hangs up":                {func(*impostor, node.Stream, *wire.Knock) {}, "hung up without an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newImpostor(t, camp, real, tt.behave)
			m.deceives(initDevice(t), tt.want)
			m.deceives(filepath.Join(t.TempDir(), "data"), tt.want)
		})
	}
}

// deceives lets a device that meets the impostor first try to join, which must fail
// in these words, and then join where the code is from.
func (m *impostor) deceives(dir, want string) {
	m.t.Helper()
	doc, err := m.real.call(context.Background(), http.MethodPost, "/v1/invites", nil)
	check(m.t, err)
	var invite api.Invite
	mustUnmarshal(m.t, doc, &invite)
	before := campIn(m.t, dir)
	p, _ := parsePlace(m.net.Addrs()[0])
	join := program(m.t, dir, "join", invite.Code, "--device", "tent", "--peer", p.at.String())
	out, _ := join.CombinedOutput()
	if code := join.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(string(out), want) || !strings.Contains(string(out), "\n  ") {
		m.t.Errorf("join ended with %d, want %q and what to do:\n%s", code, want, out)
	}
	if after := campIn(m.t, dir); after != before {
		m.t.Errorf("the directory held %s, and now %s", before, after)
	}
	run, err := readRunFile(m.real.dir)
	check(m.t, err)
	if out, err := program(m.t, dir, "join", invite.Code, "--device", "tent", "--peer", run.Listen[0]).CombinedOutput(); err != nil {
		m.t.Errorf("join where the code is from: %v\n%s", err, out)
	}
}

// campIn is what a directory holds: camp, device and entries, all empty if it has no
// camp.
func campIn(t *testing.T, dir string) string {
	out, _ := program(t, dir, "status", "--json").Output()
	var s statusDoc
	_ = json.Unmarshal(out, &s)
	return fmt.Sprintf("%v, %v, digest %q", s.Camp, s.Device, s.Digest)
}
