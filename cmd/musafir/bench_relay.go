package main

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// relayBuffer is small enough to be passed on soon and large enough for bulk.
const relayBuffer = 64 << 10

// A relay passes on connections to a device and takes note of what flows: when it
// began, how much, and how often the sides took turns. It sees what the network
// would: encrypted bytes, the handshakes included.
type relay struct {
	listener net.Listener
	to       string // HOST:PORT of the device
	address  string // under which others reach the device through the relay

	mu    sync.Mutex
	seen  traffic
	isCut bool
	conns map[net.Conn]bool // that are open
}

// traffic is what flowed since the relay was last reset.
type traffic struct {
	began       time.Time // of the first connection; zero: none yet
	there, back int       // bytes to the device and from it
	roundTrips  int       // times that the device answered and was then spoken to again, and the last answer
	answering   bool
}

// newRelay opens a relay to a device's address, /ip4/HOST/tcp/PORT/p2p/ID.
func newRelay(address string) (*relay, error) {
	part := strings.Split(address, "/")
	if len(part) != 7 || part[1] != "ip4" || part[3] != "tcp" {
		return nil, fmt.Errorf("%s is no TCP address", address)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	r := &relay{
		listener: l, to: net.JoinHostPort(part[2], part[4]),
		address: fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", port, part[6]),
		conns:   map[net.Conn]bool{},
	}
	go r.run()
	return r, nil
}

func (r *relay) close() { _ = r.listener.Close() }

// run passes connections on until the relay is closed.
func (r *relay) run() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		if !r.opened(from) {
			_ = from.Close()
			continue
		}
		to, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		go r.pass(to, from, (*traffic).ask)
		go r.pass(from, to, (*traffic).answer)
	}
}

// opened takes note of a connection; false while the relay is cut.
func (r *relay) opened(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isCut {
		return false
	}
	r.conns[c] = true
	if r.seen.began.IsZero() {
		r.seen.began = time.Now()
	}
	return true
}

func (r *relay) closed(c net.Conn) {
	_ = c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// cut ends all connections and lets none through until mend.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCut = true
	for c := range r.conns {
		_ = c.Close()
	}
	clear(r.conns)
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCut = false
}

// pass copies one direction until either side ends.
func (r *relay) pass(to, from net.Conn, count func(*traffic, int)) {
	defer r.closed(to)
	defer r.closed(from)
	buf := make([]byte, relayBuffer)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			r.note(func(t *traffic) { count(t, n) })
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (t *traffic) ask(n int) {
	t.there += n
	t.answering = false
}

func (t *traffic) answer(n int) {
	t.back += n
	if !t.answering {
		t.answering = true
		t.roundTrips++
	}
}

func (r *relay) note(what func(*traffic)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what(&r.seen)
}

// traffic is what was seen since the last reset.
func (r *relay) traffic() traffic {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

func (r *relay) reset() { r.note(func(t *traffic) { *t = traffic{} }) }
