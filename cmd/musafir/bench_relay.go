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

	mu   sync.Mutex
	seen traffic
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
		r.note(func(t *traffic) {
			if t.began.IsZero() {
				t.began = time.Now()
			}
		})
		to, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		go r.pass(to, from, (*traffic).ask)
		go r.pass(from, to, (*traffic).answer)
	}
}

// pass copies one direction until either side ends.
func (r *relay) pass(to, from net.Conn, count func(*traffic, int)) {
	defer to.Close()
	defer from.Close()
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
