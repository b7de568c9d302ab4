package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"musafir/node"
	"musafir/node/api"
	"musafir/store"
)

const (
	headerTimeout = 10 * time.Second // for a client to send its request's head
	idleTimeout   = 2 * time.Minute
	endTimeout    = 5 * time.Second // for requests under way when the daemon ends
)

// A service is a device that answers on a listener.
type service struct {
	device   *device
	server   *http.Server
	stopping chan struct{}
}

// newService takes whom to let in, and fills in the rest.
func newService(d *device, c api.Config) *service {
	s := &service{device: d, stopping: make(chan struct{})}
	c.Backend, c.Version, c.Status, c.Stopping, c.Advice, c.Lock = d, programVersion(), storeStatus, s.stopping, d.advice, d.lockedBy
	s.server = newHTTPServer(api.New(c).Handler(), c.Log)
	return s
}

// newHTTPServer is around a handler that gives bodies their deadlines itself.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// run serves until ctx ends: requests under way are answered, what they wrote is
// committed.
func (s *service) run(ctx context.Context, l net.Listener) error {
	nodeCtx, stopNode := context.WithCancel(context.Background())
	defer stopNode()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.device.Run(nodeCtx) })
	if s.device.lan != nil {
		g.Go(func() error { return s.device.lan.Run(nodeCtx) })
	}
	g.Go(func() error {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		close(s.stopping)
		end, cancel := context.WithTimeout(context.Background(), endTimeout)
		defer cancel()
		if err := s.server.Shutdown(end); err != nil {
			_ = s.server.Close() // whoever is left has had its time
		}
		s.device.phones.end(end)
		stopNode()
		return nil
	})
	return g.Wait()
}

// storeStatus is what HTTP says to the errors of the store.
func storeStatus(err error) (status int, title string) {
	switch {
	case errors.Is(err, store.ErrDiskFull):
		return http.StatusInsufficientStorage, "The disk is nearly full"
	case errors.Is(err, errPhonePlace):
		return http.StatusConflict, ""
	case isUsage(err):
		return http.StatusBadRequest, ""
	case errors.Is(err, store.ErrClosed), errors.Is(err, node.ErrStopped):
		return http.StatusServiceUnavailable, "Musafir is stopping"
	}
	return 0, ""
}
