package api

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate" // so many of something in a time

	"musafir/node/patient"
)

// Config is what the API works with.
type Config struct {
	Backend  Backend
	Token    func() string                              // the device's own, asked at each request; "" lets nobody in
	Apps     func() []App                               // who has another token, asked at each request; nil: nobody
	Open     bool                                       // it answers the network, because somebody asked for that
	Version  string                                     // of the program
	Hosts    []string                                   // names and addresses, without port, beside those of this machine
	Status   func(error) (httpStatus int, title string) // of errors that the API does not know; 0: it does not know either
	Log      *slog.Logger                               // gets the pattern of a route, never an id or a value
	Lock     func() string                              // what opens the device's data; nil: not known
	Advice   func() []Advice                            // on what the API itself does not know; nil: none
	Stopping <-chan struct{}                            // closed when the device stops: whoever follows is let go; nil: never
}

// A Server answers requests. It starts nothing of its own.
type Server struct {
	backend   Backend
	cfg       Config
	hosts     map[string]bool
	resources []*resource
	metrics   *metrics
	openAPI   []byte
	verify    sync.Mutex // held by the one verification that may run
	held      heldBack
	followed  atomic.Int64  // who follows the change feed now
	wrong     *rate.Limiter // of wrong tokens
}

// New makes a server.
func New(cfg Config) *Server {
	s := &Server{backend: cfg.Backend, cfg: cfg, hosts: map[string]bool{}, resources: resources(), openAPI: openAPI}
	for _, h := range cfg.Hosts {
		s.hosts[strings.ToLower(h)] = true
	}
	s.metrics = newMetrics(s)
	s.wrong = rate.NewLimiter(rate.Every(wrongTokenEvery), wrongTokensMax)
	return s
}

// Handler serves the API. The http.Server around it should have a
// ReadHeaderTimeout and no WriteTimeout: deadlines for bodies are set here, by
// the chunk.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(rw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	w := patient.New(rw)
	r.Body = w.Body(r, 0)
	defer func() { s.observe(w, r, time.Since(start)) }()
	defer s.rescue(w, r)
	setSecurityHeaders(w.Header())
	if err := s.guard(w, r); err != nil {
		s.fail(w, r, err)
	}
}

// rescue turns a panic into an answer, or into a broken connection where the
// answer has begun.
func (s *Server) rescue(w *patient.Response, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler {
		s.cfg.Log.Error("request panicked", "method", r.Method, "route", r.Pattern, "panic", p, "stack", string(debug.Stack()))
		if w.Status == 0 {
			s.fail(w, r, errPanicked)
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// observe logs and counts a request that is over.
func (s *Server) observe(w *patient.Response, r *http.Request, took time.Duration) {
	s.cfg.Log.Info("request", "method", r.Method, "route", r.Pattern, "status", w.Status,
		"ms", took.Milliseconds(), "bytes", w.Bytes)
	s.metrics.observe(r, w.Status, took)
}

// stopping tells whether the device is about to stop.
func (s *Server) stopping() bool {
	select {
	case <-s.cfg.Stopping:
		return true
	default:
		return false
	}
}
