package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// A phoneDoor is where phones come in. It opens and closes while the device is up; a
// command that opened the store itself only says whether the next start opens it.
type phoneDoor struct {
	dir     string
	handler http.Handler
	log     *slog.Logger

	mu    sync.Mutex
	up    bool
	moved func(url string) error // told where phones are served from now on, "": nowhere
	open  *openDoor              // nil: phones are not served
}

type openDoor struct {
	at     phoneAddress // with the port that it has
	server *http.Server
	ended  chan struct{}
}

// errPhonePlace is that phones cannot be served at an address.
var errPhonePlace = errors.New("phones cannot be served")

// begin lets phones in, at an address or where it was said for good, and gives the URL;
// "": nowhere. moved is told of each change.
func (p *phoneDoor) begin(address string, moved func(url string) error) (url string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.moved = true, moved
	at, ok, err := p.said(address)
	if err != nil || !ok {
		return "", err
	}
	if err := p.openAt(at); err != nil {
		return "", err
	}
	if address == "" && at.port == 0 {
		err = keepPhones(p.dir, p.open.at) // phones keep the address that they were told
	}
	return p.open.url(), err
}

// said is where phones shall be served: where it was said now, or else for good; false:
// nowhere.
func (p *phoneDoor) said(address string) (at phoneAddress, ok bool, err error) {
	if address == "" {
		place, err := readKeptPhones(p.dir)
		return place.at, place.known && !place.off, err
	}
	at, err = parsePhoneAddress(address)
	return at, true, err
}

// openAt is called with mu held.
func (p *phoneDoor) openAt(at phoneAddress) error {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return explainPhones(at, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		at.port = uint16(tcp.Port)
	}
	door := &openDoor{at: at, ended: make(chan struct{}), server: newHTTPServer(p.handler, p.log)}
	go func() {
		defer close(door.ended)
		if err := door.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("phones are no longer served", "error", err)
		}
	}()
	p.open = door
	return nil
}

// explainPhones says why phones cannot be served at an address, and what to do.
func explainPhones(at phoneAddress, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w at %s: another program has that port", errPhonePlace, at)
	case isImpossible(err):
		return fmt.Errorf("%w at %s: this machine does not have that address", errPhonePlace, at)
	}
	return fmt.Errorf("%w: %w", errPhonePlace, err)
}

// listen serves phones for good.
func (p *phoneDoor) listen(address string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, err := p.wanted(address)
	if err != nil {
		return err
	}
	switch {
	case p.open != nil && at != p.open.at:
		return fmt.Errorf("%w: they are served at %s already, and musafir phone off would end that", errPhonePlace, p.open.at)
	case p.open != nil || !p.up:
		return keepPhones(p.dir, at)
	}
	if err := p.openAt(at); err != nil {
		return err
	}
	return errors.Join(keepPhones(p.dir, p.open.at), p.moved(p.open.url()))
}

// wanted is the place that somebody names, or else the one that was named last, or else the
// usual one.
func (p *phoneDoor) wanted(address string) (phoneAddress, error) {
	if address != "" {
		at, err := parsePhoneAddress(address)
		if err != nil {
			return at, usage(err)
		}
		if p.open != nil && at.port == 0 && at.host == p.open.at.host {
			at.port = p.open.at.port
		}
		return at, nil
	}
	if p.open != nil {
		return p.open.at, nil
	}
	place, err := readKeptPhones(p.dir)
	if err != nil || place.known {
		return place.at, err
	}
	return parsePhoneAddress(defaultPhones)
}

// stop serves phones no more, until somebody says so again.
func (p *phoneDoor) stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := endPhones(p.dir); err != nil {
		return err
	}
	if p.open != nil {
		p.close(ctx)
		return p.moved("")
	}
	return nil
}

// end closes the door of a device that stops.
func (p *phoneDoor) end(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = false
	if p.open != nil {
		p.close(ctx)
	}
}

// close answers requests under way, and is called with mu held.
func (p *phoneDoor) close(ctx context.Context) {
	if err := p.open.server.Shutdown(ctx); err != nil {
		_ = p.open.server.Close() // whoever is left has had its time
	}
	<-p.open.ended
	p.open = nil
}

// url is how a phone dials this device now: its address may have changed since the door
// was opened. "": phones are not served.
func (p *phoneDoor) url() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		return ""
	}
	return p.open.url()
}

func (d *openDoor) url() string { return d.at.url(ownAddrs()) }
