package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"musafir/node/api"
	"musafir/store"
)

// A client speaks the API to whoever has the directory open: the running daemon,
// or this process itself.
type client struct {
	http  *http.Client
	base  string
	token string
	as    string
	stop  func() error
}

const (
	daemonAnswer = 2 * time.Second       // for a daemon on this machine to accept a connection
	startingWait = 5 * time.Second       // for one that has the store open but does not answer yet
	startingPoll = 50 * time.Millisecond // between two looks at it
)

// connect finds the daemon of the directory, or opens the store itself.
func (a *app) connect(ctx context.Context) (*client, error) { return a.connectOr(ctx, reach{}) }

// connectOr opens the store so that this process reaches others as it says.
func (a *app) connectOr(ctx context.Context, to reach) (c *client, err error) {
	dir := a.dataDir()
	if c := a.dial(ctx, dir); c != nil {
		return c, nil
	}
	err = a.unlock(ctx, dir, func(lock store.Lock) error {
		c, err = a.serveHere(dir, lock, to)
		return err
	})
	if errors.Is(err, store.ErrInUse) {
		if c := a.dial(ctx, dir); c != nil {
			return c, nil
		}
	}
	return c, explainOpen(dir, err)
}

// dial reaches a running daemon; nil if there is none, or only what one left.
func (a *app) dial(ctx context.Context, dir string) *client {
	r, err := readRunFile(dir)
	if err != nil || !r.isOf(dir) {
		return nil
	}
	token, err := readToken(dir)
	if err != nil {
		return nil
	}
	c := &client{
		http: &http.Client{
			Transport:     &http.Transport{DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base: r.HTTP, token: token, as: a.author, stop: func() error { return nil },
	}
	if !c.isOurs(ctx) {
		return nil
	}
	return c
}

// isOurs tells whether the other end knows the token, without telling it: a stale
// run.json may name a port that somebody else has by now.
func (c *client) isOurs(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, daemonAnswer)
	defer cancel()
	random := make([]byte, 32)
	rand.Read(random) // never fails
	nonce := hex.EncodeToString(random)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/healthz?nonce="+nonce, nil)
	if err != nil {
		return false
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var answer struct{ Proof string }
	if json.NewDecoder(io.LimitReader(resp.Body, 4<<10)).Decode(&answer) != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(c.token))
	mac.Write([]byte("musafir healthz 1 " + nonce))
	proof, err := hex.DecodeString(answer.Proof)
	return err == nil && hmac.Equal(proof, mac.Sum(nil))
}

// serveHere opens the store and serves the API inside this process.
func (a *app) serveHere(dir string, lock store.Lock, to reach) (*client, error) {
	d, err := openDevice(dir, lock, to, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	token, err := apiToken(dir)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	pipe := newPipeListener()
	s := newService(d, api.Config{Token: func() string { return token }, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx, pipe) }()
	return &client{
		http: &http.Client{Transport: &http.Transport{DialContext: pipe.dial, DisableCompression: true}},
		base: "http://localhost", token: token, as: a.author,
		stop: func() error { cancel(); return errors.Join(<-ended, d.Close()) },
	}, nil
}

// explainOpen says what to do about a store that does not open.
func explainOpen(dir string, err error) error {
	switch {
	case errors.Is(err, store.ErrNoCamp):
		return withHint(fmt.Errorf("%s: %w", dir, err), "Make one with: musafir init --camp NAME --device NAME")
	case errors.Is(err, store.ErrInUse):
		return withHint(fmt.Errorf("%s: %w, which does not answer", dir, err), "Wait until it has started, or end it.")
	case errors.Is(err, store.ErrWrongKey):
		return withHint(fmt.Errorf("%s: %w", dir, err), "Put back the files \"data-key\" and \"device\" that belong to this directory.")
	case errors.Is(err, store.ErrNeedsPassphrase):
		return withHint(usage(fmt.Errorf("%s: %w", dir, err)), "Give it: --passphrase asks for it, --passphrase-file FILE reads it.")
	case errors.Is(err, store.ErrWrongPassphrase):
		return withHint(fmt.Errorf("%s: %w", dir, err), "Nothing was changed. Mind the keyboard's language, and capital letters.")
	case errors.Is(err, store.ErrNeedsKeyFile):
		return withHint(err, "Put it back, or name it: --key-file FILE")
	case errors.Is(err, store.ErrWrongKeyFile):
		return withHint(fmt.Errorf("%s: %w", dir, err), "Name the one that belongs to it: --key-file FILE")
	}
	return err
}

// A problem is an error as the API tells it (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Line  int    `json:"line"`
		Error string `json:"error"`
	} `json:"errors"`
}

func (p *problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	for _, e := range p.Errors {
		text += fmt.Sprintf("\n  line %d: %s", e.Line, e.Error)
	}
	return text
}

// isInput tells whether the caller asked for something that cannot be.
func (p *problem) isInput() bool {
	switch p.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// errInterrupted ends a command that somebody stopped.
var errInterrupted = errors.New("interrupted")

func (c *client) close() error { return c.stop() }

// send makes one request and gives the answer if it is a good one.
func (c *client) send(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if c.as != "" {
		req.Header.Set("Musafir-Author", url.PathEscape(c.as))
	}
	resp, err := c.http.Do(req)
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	if err != nil {
		return nil, fmt.Errorf("ask musafir: %w", err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	p := &problem{Title: resp.Status, Status: resp.StatusCode}
	if b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20)); err == nil {
		_ = json.Unmarshal(b, p) // an answer that is no problem document keeps its status line
	}
	return nil, p
}

// call sends a document, if there is one, and gives the document it gets.
func (c *client) call(ctx context.Context, method, path string, body any) (json.RawMessage, error) {
	var in io.Reader
	header := http.Header{}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(b)
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.send(ctx, method, path, in, header)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read musafir's answer: %w", err)
	}
	return b, nil
}

func recordPath(collection, id string, more ...string) string {
	escaped := url.PathEscape(id)
	if strings.Trim(id, ".") == "" {
		escaped = strings.ReplaceAll(id, ".", "%2E") // no step up in the path
	}
	parts := append([]string{"/v1/records", url.PathEscape(collection), escaped}, more...)
	return strings.Join(parts, "/")
}

// with connects, does something, and closes again.
func (a *app) with(ctx context.Context, do func(*client) error) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.close())
}

// A pipeListener connects a client and a server of one process.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "here", Net: "pipe"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
