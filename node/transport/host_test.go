package transport_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node/transport"

	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	tcp0  = "/ip4/127.0.0.1/tcp/0"
	quic0 = "/ip4/127.0.0.1/udp/0/quic-v1"
	echo  = "/test/echo/1"
)

// patience is for what happens at once; a test that needs it has failed.
const patience = 20 * time.Second

// TestMain cuts the tests off from name servers; this machine's own names remain.
func TestMain(m *testing.M) {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server in tests")
	}}
	os.Exit(m.Run())
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	return key
}

func newHost(t testing.TB, cfg transport.Config) *transport.Host {
	t.Helper()
	if cfg.Key == nil {
		cfg.Key = newKey(t)
	}
	h, err := transport.New(cfg)
	check(t, err)
	t.Cleanup(func() { check(t, h.Close()) })
	return h
}

// newEcho is a host that sends back what it reads.
func newEcho(t testing.TB, listen ...string) *transport.Host {
	t.Helper()
	h := newHost(t, transport.Config{Listen: listen})
	h.Handle(echo, serveEcho)
	return h
}

func serveEcho(s *transport.Stream) {
	if _, err := io.Copy(s, s); err == nil {
		s.Close()
	}
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func open(t testing.TB, from, to *transport.Host, addrs []string) *transport.Stream {
	t.Helper()
	s, err := from.Open(within(t), to.ID(), addrs, echo)
	check(t, err)
	check(t, s.SetDeadline(time.Now().Add(patience)))
	return s
}

// exchange sends a message and wants it back.
func exchange(s *transport.Stream, message string) error {
	if _, err := io.WriteString(s, message); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	back := make([]byte, len(message))
	if _, err := io.ReadFull(s, back); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if string(back) != message {
		return fmt.Errorf("sent %q, %q came back", message, back)
	}
	return nil
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition that nothing announces.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

// bothTransports runs a test against a host that listens on one of them.
func bothTransports(t *testing.T, test func(t *testing.T, listen string)) {
	t.Run("tcp", func(t *testing.T) { test(t, tcp0) })
	t.Run("quic", func(t *testing.T) { test(t, quic0) })
}

func TestEcho(t *testing.T) {
	bothTransports(t, func(t *testing.T, listen string) {
		key := newKey(t)
		a, b := newHost(t, transport.Config{Key: key}), newHost(t, transport.Config{Listen: []string{listen}})
		met := make(chan *transport.Stream, 1)
		b.Handle(echo, func(s *transport.Stream) { met <- s; serveEcho(s) })
		s := open(t, a, b, b.Addrs())
		check(t, exchange(s, "ahlan"))
		other := <-met
		if s.Inbound() || !other.Inbound() {
			t.Error("the directions are wrong")
		}
		if s.Peer() != b.ID() || other.Peer() != a.ID() || !other.PeerKey().Equal(key.Public()) {
			t.Errorf("%s met %s, %s met %s", a.ID(), s.Peer(), b.ID(), other.Peer())
		}
		if want, _, _ := strings.Cut(b.Addrs()[0], "/p2p/"); s.Remote() != want {
			t.Errorf("the remote address is %s, want %s", s.Remote(), want)
		}
		check(t, s.Close())
	})
}

func TestTCPIsPreferred(t *testing.T) {
	a, b := newHost(t, transport.Config{}), newEcho(t, quic0, tcp0)
	s := open(t, a, b, b.Addrs())
	check(t, exchange(s, "x"))
	if !strings.Contains(s.Remote(), "/tcp/") {
		t.Errorf("connected to %s", s.Remote())
	}
}

func TestQUICWhereTCPFails(t *testing.T) {
	a, b := newHost(t, transport.Config{}), newEcho(t, quic0)
	s := open(t, a, b, append(b.Addrs(), closedPort(t)))
	check(t, exchange(s, "x"))
}

// closedPort is an address where nobody listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port)
}

func TestManyStreams(t *testing.T) {
	bothTransports(t, func(t *testing.T, listen string) {
		a, b := newHost(t, transport.Config{}), newEcho(t, listen)
		var streams sync.WaitGroup
		open := make(chan struct{}) // closed once all are
		var opened sync.WaitGroup
		const many = 15 // the other side takes 16
		opened.Add(many)
		for i := range many {
			streams.Go(func() {
				s, err := a.Open(within(t), b.ID(), b.Addrs(), echo)
				if err == nil {
					defer s.Close()
					err = exchange(s, "first")
				}
				opened.Done()
				<-open
				if err == nil {
					err = exchange(s, fmt.Sprint("stream ", i))
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		opened.Wait()
		close(open)
		streams.Wait()
	})
}

func TestDialsFromBothSidesAtOnce(t *testing.T) {
	bothTransports(t, func(t *testing.T, listen string) {
		for range 5 {
			a, b := newEcho(t, listen), newEcho(t, listen)
			results := make(chan error, 2)
			dial := func(from, to *transport.Host) {
				s, err := from.Open(within(t), to.ID(), to.Addrs(), echo)
				if err == nil {
					err = exchange(s, "x")
				}
				results <- err
			}
			go dial(a, b)
			go dial(b, a)
			check(t, errors.Join(<-results, <-results))
		}
	})
}

func TestCloseIsGraceful(t *testing.T) {
	bothTransports(t, func(t *testing.T, listen string) {
		a, b := newHost(t, transport.Config{}), newHost(t, transport.Config{Listen: []string{listen}})
		type result struct {
			bytes []byte
			err   error
		}
		got := make(chan result)
		b.Handle(echo, func(s *transport.Stream) {
			all, err := io.ReadAll(s)
			got <- result{all, err}
		})
		for _, size := range []int{0, 1, 1 << 20} {
			for range 10 {
				s := open(t, a, b, b.Addrs())
				sent := bytes.Repeat([]byte{7}, size)
				if size > 0 {
					_, err := s.Write(sent)
					check(t, err)
				}
				check(t, s.Close())
				if r := <-got; r.err != nil || !bytes.Equal(r.bytes, sent) {
					t.Fatalf("of %d bytes %d came, with error %v", size, len(r.bytes), r.err)
				}
			}
		}
	})
}

func TestUnfinishedStreamIsReset(t *testing.T) {
	bothTransports(t, func(t *testing.T, listen string) {
		a, b := newHost(t, transport.Config{}), newHost(t, transport.Config{Listen: []string{listen}})
		b.Handle(echo, func(*transport.Stream) {})
		s := open(t, a, b, b.Addrs())
		wantReadFails(t, s)
	})
}

func wantReadFails(t *testing.T, s *transport.Stream) {
	t.Helper()
	_, err := s.Read(make([]byte, 1))
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading ends with %v, want that the stream is broken", err)
	}
}

func TestUnknownProtocol(t *testing.T) {
	a, b := newHost(t, transport.Config{}), newEcho(t, tcp0)
	s, err := a.Open(within(t), b.ID(), b.Addrs(), "/test/other/1")
	check(t, err)
	wantReadFails(t, s)
}

func TestDeadline(t *testing.T) {
	bothTransports(t, func(t *testing.T, listen string) {
		a, b := newHost(t, transport.Config{}), newEcho(t, listen)
		s := open(t, a, b, b.Addrs())
		check(t, exchange(s, "x"))
		check(t, s.SetReadDeadline(time.Now()))
		var timeout net.Error
		if _, err := s.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("past the deadline reading gives %v", err)
		}
		check(t, s.SetReadDeadline(time.Now().Add(patience)))
		check(t, exchange(s, "y"))
	})
}

func TestPeerGone(t *testing.T) {
	for name, leave := range map[string]func(a, b *transport.Host){
		"closed":          func(_, b *transport.Host) { b.Close() },
		"disconnected":    func(a, b *transport.Host) { b.Disconnect(a.ID()) },
		"disconnected us": func(a, b *transport.Host) { a.Disconnect(b.ID()) },
	} {
		t.Run(name, func(t *testing.T) {
			bothTransports(t, func(t *testing.T, listen string) {
				a, b := newHost(t, transport.Config{}), newEcho(t, listen)
				s := open(t, a, b, b.Addrs())
				check(t, exchange(s, "x"))
				leave(a, b)
				wantReadFails(t, s)
			})
		})
	}
}

// TestLostIsNotEOF: what a lost connection ends with must not look like the end of
// what the other side had to say.
func TestLostIsNotEOF(t *testing.T) {
	lost := fmt.Errorf("connection closed: %w", io.EOF)
	if err := transport.NotEOF(lost); errors.Is(err, io.EOF) || err.Error() != lost.Error() {
		t.Errorf("a lost connection reads as %v", err)
	}
	for _, err := range []error{nil, io.EOF, os.ErrDeadlineExceeded} {
		if got := transport.NotEOF(err); got != err {
			t.Errorf("%v reads as %v", err, got)
		}
	}
}

func TestReopen(t *testing.T) {
	a, b := newHost(t, transport.Config{}), newEcho(t, tcp0)
	s := open(t, a, b, b.Addrs())
	check(t, exchange(s, "x"))
	check(t, exchange(open(t, a, b, nil), "on the open connection"))
	a.Disconnect(b.ID())
	check(t, exchange(open(t, a, b, nil), "at the address that is known"))
}

// TestStaleAddress shows that a failed dial holds up no later one, and that the
// address of it is forgotten.
func TestStaleAddress(t *testing.T) {
	a, key, stale := newHost(t, transport.Config{}), newKey(t), closedPort(t)
	id := crdt.DeviceIDOf(key.Public().(ed25519.PublicKey))
	_, err := a.Open(within(t), id, []string{stale}, echo)
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), stale) {
		t.Fatalf("a closed port gives %v", err)
	}
	b := newHost(t, transport.Config{Key: key, Listen: []string{stale}}) // no longer closed
	b.Handle(echo, serveEcho)
	s := open(t, a, b, []string{stale})
	check(t, exchange(s, "x"))
	check(t, b.Close())
	wantReadFails(t, s)
	moved := newHost(t, transport.Config{Key: key, Listen: []string{quic0}})
	moved.Handle(echo, serveEcho)
	check(t, exchange(open(t, a, moved, moved.Addrs()), "x"))
}

func TestOpenErrors(t *testing.T) {
	key := newKey(t)
	id := crdt.DeviceIDOf(key.Public().(ed25519.PublicKey))
	refused := crdt.DeviceIDOf(newKey(t).Public().(ed25519.PublicKey))
	a := newHost(t, transport.Config{Key: key, Admit: func(d crdt.DeviceID) bool { return d != refused }})
	other := newEcho(t, tcp0)
	for _, tt := range []struct {
		name  string
		to    crdt.DeviceID
		addrs []string
		is    error
		want  string // part of the message
	}{
		{"self", id, []string{"127.0.0.1"}, transport.ErrSelf, string(id)},
		{"refused", refused, []string{"127.0.0.1"}, transport.ErrRefused, string(refused)},
		{"unknown", other.ID(), nil, nil, "no address of it is known"},
		{"no id", "", nil, nil, `device id ""`},
		{"no device", "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC", nil, nil, "not that of an Ed25519 key"},
		{"bad address", other.ID(), []string{"/ip4/1.2.3"}, nil, "/ip4/1.2.3"},
		{"address of another", refused, other.Addrs(), nil, "that of another device"},
		{"no such name", other.ID(), []string{"nowhere.invalid"}, nil, "nowhere.invalid"},
		{"too many", other.ID(), make([]string, 33), nil, "more than the 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := a.Open(within(t), tt.to, tt.addrs, echo)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %v with %q", err, tt.is, tt.want)
			}
		})
	}
}

func TestWrongDevice(t *testing.T) {
	bothTransports(t, func(t *testing.T, listen string) {
		a, b := newHost(t, transport.Config{}), newEcho(t, listen)
		expected := crdt.DeviceIDOf(newKey(t).Public().(ed25519.PublicKey))
		at, _, _ := strings.Cut(b.Addrs()[0], "/p2p/")
		_, err := a.Open(within(t), expected, []string{at}, echo)
		var wrong *transport.WrongDeviceError
		if !errors.As(err, &wrong) || wrong.Expected != expected || wrong.Found != b.ID() {
			t.Fatalf("error %v", err)
		}
		for _, want := range []string{string(expected), string(b.ID()), at} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not name %s", err, want)
			}
		}
	})
}

func TestAdmitRefusesInbound(t *testing.T) {
	bothTransports(t, func(t *testing.T, listen string) {
		a := newHost(t, transport.Config{})
		asked := make(chan crdt.DeviceID, 10)
		b := newHost(t, transport.Config{
			Listen: []string{listen},
			Admit:  func(id crdt.DeviceID) bool { asked <- id; return false },
		})
		b.Handle(echo, func(*transport.Stream) { t.Error("the refused device was served") })
		s, err := a.Open(within(t), b.ID(), b.Addrs(), echo)
		if err == nil { // refused only after we connected
			wantReadFails(t, s)
		}
		if id := <-asked; id != a.ID() {
			t.Errorf("asked about %s", id)
		}
	})
}

// TestClose shows that nothing that a host started outlives it.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	a, err := transport.New(transport.Config{Key: newKey(t), Listen: []string{tcp0, quic0}})
	check(t, err)
	b, err := transport.New(transport.Config{Key: newKey(t), Listen: []string{tcp0, quic0}})
	check(t, err)
	a.Handle(echo, serveEcho)
	b.Handle(echo, serveEcho)
	check(t, exchange(open(t, a, b, b.Addrs()[:1]), "tcp"))
	check(t, exchange(open(t, b, a, a.Addrs()[1:]), "whatever is open"))
	b.Disconnect(a.ID())
	check(t, exchange(open(t, b, a, a.Addrs()[1:]), "quic"))
	_, err = a.Whois(within(t), b.Addrs()[0])
	check(t, err)
	check(t, a.Close())
	check(t, b.Close())
	check(t, a.Close()) // again, to no effect
	if _, err := a.Open(within(t), b.ID(), nil, echo); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("a closed host opens with %v", err)
	}
	until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestCloseEndsOpen(t *testing.T) {
	silent, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	defer silent.Close()
	h := newHost(t, transport.Config{})
	ended := make(chan error, 2)
	id := crdt.DeviceIDOf(newKey(t).Public().(ed25519.PublicKey))
	go func() {
		_, err := h.Open(context.Background(), id, []string{silent.Addr().String()}, echo)
		ended <- err
	}()
	go func() {
		_, err := h.Whois(context.Background(), silent.Addr().String())
		ended <- err
	}()
	for range 2 {
		c, err := silent.Accept()
		check(t, err)
		defer c.Close()
	}
	check(t, h.Close())
	for range 2 {
		if err := <-ended; !errors.Is(err, transport.ErrClosed) {
			t.Errorf("closing the host ended a call with %v", err)
		}
	}
}

func TestNewRefusesKey(t *testing.T) {
	if _, err := transport.New(transport.Config{}); err == nil {
		t.Error("a host without a key")
	}
}

// TestQuiet shows that libp2p's log goes to the host's, and nowhere without one.
func TestQuiet(t *testing.T) {
	var heard bytes.Buffer
	log := slog.New(slog.NewTextHandler(&heard, &slog.HandlerOptions{Level: slog.LevelDebug}))
	library := gologshim.Logger("test")
	h, err := transport.New(transport.Config{Key: newKey(t), Log: log})
	check(t, err)
	library.Info("too quiet")
	library.With("more", 1).Warn("loud")
	check(t, h.Close())
	library.Error("after the end")
	for word, want := range map[string]bool{
		"too quiet": false, "level=DEBUG msg=loud logger=test more=1": true, "after": false,
	} {
		if strings.Contains(heard.String(), word) != want {
			t.Errorf("heard %q: %v, want %v\n%s", word, !want, want, heard.String())
		}
	}
}

// TestNoMetrics shows that libp2p registers none of its metrics.
func TestNoMetrics(t *testing.T) {
	a, b := newHost(t, transport.Config{}), newEcho(t, tcp0, quic0)
	check(t, exchange(open(t, a, b, b.Addrs()), "x"))
	families, err := prometheus.DefaultGatherer.Gather()
	check(t, err)
	for _, f := range families {
		if name := f.GetName(); !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("metric %s is registered", name)
		}
	}
}
