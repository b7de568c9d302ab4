package hikma

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid" // the form of ids that the app knows
	lru "github.com/hashicorp/golang-lru/v2"

	"musafir/crdt"
	"musafir/node/patient"
)

// A Server lets phones in and serves them. It starts nothing of its own.
type Server struct {
	cfg      Config
	own      *ecdh.PrivateKey
	tokenKey []byte
	sessions *sessions
	turns    *turns
	bodies   *bodies
	guesses  *guesses
	brought  *tally                        // phones that are new, by user
	synced   *lru.Cache[string, time.Time] // when each phone did here, last
	failed   *lru.Cache[string, Failure]   // of those whose last push here was not taken
	nobody   func() string                 // a hash to compare with where there is nobody
	mux      *http.ServeMux
}

const (
	hubKeyInfo = "musafir hikma hub key 1"
	hubIDInfo  = "musafir hub id 1"
)

// New makes a server.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	own, err := ecdh.X25519().NewPrivateKey(derive(cfg.Seed[:], "", hubKeyInfo))
	if err != nil {
		panic("make the hub's key: " + err.Error()) // any 32 bytes are one
	}
	s := &Server{cfg: cfg, own: own, tokenKey: derive(cfg.Secret[:], "", tokenKeyInfo), sessions: newSessions(), turns: newTurns(), bodies: newBodies(),
		guesses: newGuesses(), brought: newTally(newPhonesMax, newPhonesEvery), synced: newCache[time.Time](clientsMax),
		failed: newCache[Failure](clientsMax), nobody: sync.OnceValue(hashOfNobody)}
	s.mux = s.routes()
	return s
}

func userKey(id string) crdt.RecordKey { return crdt.RecordKey{Collection: "users", ID: id} }

// Hub is what phones know this device as: the id is the camp's, so that a phone that
// comes to another device goes on where it was; the key is the device's own.
func (s *Server) Hub() (id, key string) {
	camp, _ := s.cfg.Backend.Camp()
	sum := sha256.Sum256(append([]byte(hubIDInfo), camp[:]...))
	u := uuid.UUID(sum[:16])
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // version 8: of one's own making
	return u.String(), coding.EncodeToString(s.own.PublicKey().Bytes())
}

// PairingCode is the text of the QR code by which phones find this device. url is
// http://HOST:PORT.
func (s *Server) PairingCode(url string) string {
	id, key := s.Hub()
	b, err := json.Marshal(struct {
		Type string `json:"type"`
		URL  string `json:"url"`
		ID   string `json:"id"`
		Key  string `json:"pk"`
	}{"sync_hub", strings.TrimRight(url, "/"), id, key})
	if err != nil {
		panic("encode pairing code: " + err.Error()) // texts always encode
	}
	return string(b)
}

// A call is one request on its way to an answer.
type call struct {
	w *patient.Response
	r *http.Request
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(*Server, *call) error{
		"GET /{$}":               (*Server).welcome, // HEAD too
		"GET /rpc/heartbeat":     (*Server).heartbeat,
		"POST /rpc/handshake":    (*Server).handshake,
		"POST /rpc/command":      (*Server).command,
		"POST /rpc/query":        (*Server).query,
		"POST /api/login":        (*Server).plainLogin,
		"POST /api/auth/sign-in": (*Server).plainLogin,
		"/":                      (*Server).nothingHere,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, do) })
	}
	return mux
}

// Handler serves phones. The http.Server around it should have a ReadHeaderTimeout and
// an IdleTimeout, and no WriteTimeout: deadlines for bodies are set here, by the chunk.
func (s *Server) Handler() http.Handler { return s.mux }

func (s *Server) serve(rw http.ResponseWriter, r *http.Request, do func(*Server, *call) error) {
	start := time.Now()
	w := patient.New(rw)
	r.Body = w.Body(r, bodyTimeout)
	c := &call{w, r}
	defer func() {
		s.cfg.Log.Info("request", "method", r.Method, "route", r.Pattern, "status", w.Status,
			"ms", time.Since(start).Milliseconds(), "bytes", w.Bytes)
	}()
	defer s.rescue(c)
	setSecurityHeaders(w.Header())
	if err := do(s, c); err != nil {
		s.fail(c, err)
	}
}

// rescue turns a panic into an answer, or into a broken connection where the answer has
// begun.
func (s *Server) rescue(c *call) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler {
		s.cfg.Log.Error("request panicked", "method", c.r.Method, "route", c.r.Pattern, "panic", p, "stack", string(debug.Stack()))
		if c.w.Status == 0 {
			s.fail(c, errPanicked)
			return
		}
	}
	panic(http.ErrAbortHandler)
}

func setSecurityHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}

const welcomeText = "This is musafir. Phones with the Hikma Health app sync here; there is nothing to see in a browser.\n"

func (s *Server) welcome(c *call) error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := c.w.Write([]byte(welcomeText))
	return err
}

func (s *Server) heartbeat(c *call) error {
	c.json(http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

func (s *Server) nothingHere(*call) error {
	return &Refusal{http.StatusNotFound, "There is nothing at this path."}
}

// plainLogin is how the app logs in where it has no session, as with a server that it
// reaches over the internet.
func (s *Server) plainLogin(c *call) error {
	body, err := c.read(plainBytesMax)
	if err != nil {
		return err
	}
	var address, password string
	if err := texts(body, map[string]*string{"email": &address, "password": &password}); err != nil {
		return err
	}
	l, err := s.logIn(c.r.Context(), "", "", address, password)
	if err != nil {
		return err
	}
	c.json(http.StatusOK, l.plain())
	return nil
}
