package hikma

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
)

// An rpcKind is one of the two doors of sealed requests.
type rpcKind struct {
	name, body string // keys of the request
	purpose    string // under which it is sealed
	answers    string // under which its answer is
	served     map[string]func(*Server, *call, *asked) error
	online     []string // what the app asks only where it keeps nothing itself
}

var commands = &rpcKind{name: "command", body: "data", purpose: "command", answers: "command_response",
	served: map[string]func(*Server, *call, *asked) error{"login": (*Server).login, "sync_push": (*Server).push},
	online: []string{"register_patient", "visits.create", "events.create", "events.update", "events.delete",
		"vitals.create", "problems.create", "problems.update"}}

var queries = &rpcKind{name: "query", body: "params", purpose: "query", answers: "query_response",
	served: map[string]func(*Server, *call, *asked) error{"sync_pull": (*Server).pull},
	online: []string{"get_patients", "search_patients", "get_patient", "get_visits", "get_visit_events",
		"events.by_form", "vitals.list", "problems.list", "problems.get"}}

// handshake agrees with a phone on a key. Anybody may: who it is shows later.
func (s *Server) handshake(c *call) error {
	body, err := c.read(plainBytesMax)
	if err != nil {
		return err
	}
	var client, coded, name string
	if err := texts(body, map[string]*string{"client_id": &client, "client_public_key": &coded, "device_name": &name}); err != nil {
		return err
	}
	if err := checkClient(client); err != nil {
		return err
	}
	public, err := coding.DecodeString(coded)
	if err != nil {
		return badRequest(`"client_public_key" is not base64url without padding.`)
	}
	key, err := agree(s.own, public)
	if err != nil {
		return badRequest("%v", err)
	}
	s.sessions.begin(client, &session{key: key, name: plain(name, phoneNameBytesMax)})
	id, own := s.Hub()
	c.json(http.StatusOK, map[string]any{"hub_public_key": own, "hub_id": id, "hub_name": hubName, "success": true})
	return nil
}

// hubName is what the app shows. The camp's name is nothing for whoever asks.
const hubName = "Musafir"

const phoneNameBytesMax = 64

func (s *Server) command(c *call) error { return s.rpc(c, commands) }
func (s *Server) query(c *call) error   { return s.rpc(c, queries) }

// An asked is a sealed request that was opened.
type asked struct {
	request
	kind    *rpcKind
	client  string
	session *session
}

var (
	errNoSession = &Refusal{http.StatusConflict, "There is no session with this phone: shake hands first. It may have ended because musafir was restarted, or because the phone shook hands again."}
	errAgain     = &Refusal{http.StatusConflict, "This request came before, and is not done twice. Sync again."}
)

// rpc opens a request and does what it asks.
func (s *Server) rpc(c *call, kind *rpcKind) error {
	body, done, err := s.bodies.read(c, s.sessions.trusts)
	if err != nil {
		s.noteUnread(kind, body, err)
		return err
	}
	defer done()
	a, err := s.opened(body, kind)
	if err != nil {
		return err
	}
	if serve := kind.served[a.name]; serve != nil {
		return serve(s, c, a)
	}
	if slices.Contains(kind.online, a.name) {
		return &Refusal{http.StatusNotImplemented, "Musafir serves the app in its offline mode. Set the app's operation mode to offline, and sync."}
	}
	return &Refusal{http.StatusNotFound, "There is no such " + kind.name + "."}
}

// opened is the request inside an envelope.
func (s *Server) opened(body []byte, kind *rpcKind) (*asked, error) {
	e, err := parseEnvelope(body)
	if err != nil {
		return nil, err
	}
	var room []byte
	for _, session := range s.sessions.of(e.client) {
		if room == nil {
			room = make([]byte, 0, len(e.payload))
		}
		raw, ok := session.key.open(room, e.payload, kind.purpose)
		if !ok {
			continue
		}
		if err := s.sessions.use(e.client, session, [nonceBytes]byte(e.payload)); err != nil {
			return nil, err
		}
		q, err := parseRequest(raw, kind)
		return &asked{q, kind, e.client, session}, err
	}
	return nil, errNoSession
}

// login lets somebody in with a password.
func (s *Server) login(c *call, a *asked) error {
	var address, password string
	if err := texts(a.body, map[string]*string{"email": &address, "password": &password}); err != nil {
		return err
	}
	l, err := s.logIn(c.r.Context(), a.client, a.session.name, address, password)
	if err != nil {
		return err
	}
	if !s.sessions.trust(a.client, a.session) {
		return errNoSession
	}
	doc, err := json.Marshal(l.sealed())
	if err != nil {
		return err
	}
	return c.seal(a, func(w io.Writer) error {
		_, err := w.Write(doc)
		return err
	})
}

var errNoSync = errors.New("nothing to sync with was configured")

// sync is what a pull and a push begin and end with.
func (s *Server) sync(c *call, a *asked, do func(ctx context.Context, who Who) error) error {
	who, p, err := s.identify(a.client, a.token)
	if err != nil {
		return err
	}
	leave, err := s.turns.take(c.r.Context(), a.client)
	if err != nil {
		return err
	}
	defer leave()
	// Only now: what waited may have become old.
	if !s.sessions.trust(a.client, a.session) {
		return errNoSession
	}
	if s.cfg.Sync == nil {
		return errNoSync
	}
	if err := do(c.r.Context(), who); err != nil {
		return err
	}
	s.noteSync(c.r.Context(), p)
	return nil
}

func (s *Server) pull(c *call, a *asked) error {
	return s.sync(c, a, func(ctx context.Context, who Who) error {
		last, _, err := syncPoint(a.body)
		if err != nil {
			return err
		}
		return c.seal(a, func(w io.Writer) error { return s.cfg.Sync.Pull(ctx, who, last, w) })
	})
}

func (s *Server) push(c *call, a *asked) error {
	return s.sync(c, a, func(ctx context.Context, who Who) error {
		err := s.take(ctx, a, who)
		s.notePush(a.client, err)
		if err != nil {
			return err
		}
		return c.seal(a, func(w io.Writer) error {
			_, err := w.Write([]byte("{}"))
			return err
		})
	})
}

// take takes what a phone pushes.
func (s *Server) take(ctx context.Context, a *asked, who Who) error {
	last, changes, err := syncPoint(a.body)
	if err != nil {
		return err
	}
	if changes == nil {
		return badRequest(`"changes" is missing.`)
	}
	// What has come is written, even if the phone leaves before it hears that.
	return s.cfg.Sync.Push(context.WithoutCancel(ctx), who, last, changes)
}

var errNothingSealed = errors.New("the answer is empty")

// seal answers with what is written, and sends nothing of it that could pass for whole
// unless nil is returned.
func (c *call) seal(a *asked, write func(io.Writer) error) error {
	var nonce [nonceBytes]byte
	rand.Read(nonce[:]) // never fails
	c.w.Header().Set("Content-Type", jsonType)
	counted := &counter{to: sealTo(c.w, a.session.key, nonce, a.kind.answers)}
	if err := write(counted); err != nil {
		return err
	}
	if counted.n == 0 {
		return errNothingSealed
	}
	return counted.to.Close()
}

type counter struct {
	to io.WriteCloser
	n  int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += n
	return n, err
}
