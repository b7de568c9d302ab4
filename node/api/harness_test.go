package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/api"
	"musafir/node/replica"
	"musafir/store"
)

const token = "a-token-of-the-tests"

// A device is a real store in memory and a real node.
type device struct {
	*store.Store
	*node.Node
	key     ed25519.PrivateKey
	founded *node.Founded
	held    []api.Held
	peers   []api.Peer
	devices []api.Device
	notices []api.Notice
	refusal error // of an invitation
	phoneDesk
}

// Note is what an earlier request with that key left.
func (d *device) Note(key [crdt.HashSize]byte) ([]byte, bool, error) {
	stored, ok, err := d.Store.Note(key)
	return replica.Repeated(stored).Repeated, ok, err
}

func newDevice(t testing.TB) *device {
	t.Helper()
	s, err := store.OpenMemory(store.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	batch := s.Begin()
	founded, err := node.Found(batch, key, "Kutupalong", "registration")
	if err != nil {
		t.Fatal(err)
	}
	batch.SetIdentity(store.Identity{Camp: founded.Camp})
	if err := batch.Commit(); err != nil {
		t.Fatal(err)
	}
	writer, err := replica.LoadWriter(founded.Camp, key, s)
	if err != nil {
		t.Fatal(err)
	}
	n := node.New(node.Config{
		Begin: func() replica.Batch { return s.Begin() }, Logs: s, Writer: writer, Log: slog.New(slog.DiscardHandler),
	})
	return &device{Store: s, Node: n, key: key, founded: founded}
}

// run starts the node until the test ends.
func (d *device) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func (d *device) Camp() (crdt.CampID, string) { return d.founded.Camp, "Kutupalong" }

func (d *device) Self() (id crdt.DeviceID, name, role string) {
	return crdt.DeviceIDOf(d.key.Public().(ed25519.PublicKey)), "registration", "coordinator"
}

func (d *device) Device(log crdt.LogID) crdt.DeviceID {
	birth, err := d.Birth(log)
	if err != nil {
		return ""
	}
	return crdt.DeviceIDOf(birth.Device)
}

func (d *device) Recovery() crdt.DeviceID {
	return crdt.DeviceIDOf(d.founded.Recovery.Public().(ed25519.PublicKey))
}

func (d *device) Disk() (free, used uint64, full bool) { return 7 << 30, 1 << 20, false }

func (d *device) Quarantined() ([]api.Held, error) { return d.held, nil }

func (d *device) Verify(ctx context.Context, progress func(float64)) (api.VerifyReport, error) {
	r, err := d.Store.Verify(ctx, progress)
	if err != nil {
		return api.VerifyReport{}, err
	}
	return api.VerifyReport{Entries: r.Entries, Seals: r.Seals, Records: r.Records, Problems: r.Problems}, nil
}

// A site is an API that answers on a port, and what its document says.
type site struct {
	t      testing.TB
	device *device
	server *httptest.Server
	log    *syncBuffer
	stop   chan struct{}
	apps   atomic.Pointer[[]api.App]
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var errDiskFull = errors.New("the disk is nearly full: free some space")

func storeStatus(err error) (int, string) {
	switch {
	case errors.Is(err, errDiskFull):
		return http.StatusInsufficientStorage, "The disk is nearly full"
	case errors.Is(err, node.ErrStopped):
		return http.StatusServiceUnavailable, "Musafir is stopping"
	}
	return 0, ""
}

func (s *site) config(b api.Backend) api.Config {
	return api.Config{
		Backend: b, Token: func() string { return token }, Apps: s.known, Version: "test", Hosts: []string{"Clinic-Pi.local"},
		Status: storeStatus, Log: slog.New(slog.NewTextHandler(s.log, nil)), Stopping: s.stop,
	}
}

// known are the apps that have a token now.
func (s *site) known() []api.App {
	if apps := s.apps.Load(); apps != nil {
		return *apps
	}
	return nil
}

// know gives apps tokens, and takes them from all others.
func (s *site) know(apps ...api.App) { s.apps.Store(&apps) }

func app(token string) api.App { return api.App{Hash: sha256.Sum256([]byte(token))} }

// bearer is the header of a token.
func bearer(token string) string { return "Authorization: Bearer " + token }

func newSite(t testing.TB) *site { return newSiteOver(t, func(d *device) api.Backend { return d }) }

func newSiteOver(t testing.TB, over func(*device) api.Backend) *site {
	t.Helper()
	s := &site{t: t, device: newDevice(t), log: &syncBuffer{}, stop: make(chan struct{})}
	s.device.run(t)
	s.server = httptest.NewServer(api.New(s.config(over(s.device))).Handler())
	t.Cleanup(s.server.Close)
	return s
}

// An answer is read to its end and fits the document.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

// do makes a request and holds it and its answer against openapi.json. Headers
// are given as "Name: value".
func (s *site) do(method, path, body string, headers ...string) *answer {
	s.t.Helper()
	req := s.request(method, path, body, headers...)
	resp, err := s.server.Client().Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: read answer: %v", method, path, err)
	}
	a := &answer{t: s.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, body: b}
	s.hold(req, body, a)
	return a
}

func (s *site) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, s.server.URL+path, in)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch {
		case name == "Host":
			req.Host = value
		case value == "":
			req.Header.Del(name)
		default:
			req.Header.Set(name, value)
		}
	}
	return req
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s answered %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// problem wants a problem document whose detail has that text.
func (a *answer) problem(status int, detail string) map[string]any {
	a.t.Helper()
	a.want(status)
	doc := a.doc()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("%s: an error came as %s", a.what, got)
	}
	if text, _ := doc["detail"].(string); !strings.Contains(text, detail) {
		a.t.Errorf("%s: detail %q, want %q in it", a.what, text, detail)
	}
	if doc["status"] != json.Number(fmt.Sprint(status)) {
		a.t.Errorf("%s: the document says status %v", a.what, doc["status"])
	}
	return doc
}

func (a *answer) doc() map[string]any {
	a.t.Helper()
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		a.t.Fatalf("%s answered what is no JSON object: %v: %s", a.what, err, a.body)
	}
	return doc
}

// A record is as the API shows it.
type record struct {
	Collection, ID string
	Fields         json.RawMessage
	Conflicts      map[string][]sibling
	Version        string
	Deleted        bool
	Updated        time.Time
	Copies         int
	Cursor         string
	Position       uint64
}

type sibling struct {
	Value                 any
	Device, Author, Entry string
	Time                  time.Time
	Removed, Erased       bool
}

func (a *answer) record() record { return into[record](a) }

func into[T any](a *answer) (v T) {
	a.t.Helper()
	if a.status >= 300 {
		a.t.Fatalf("%s answered %d: %s", a.what, a.status, a.body)
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.what, err, a.body)
	}
	return v
}

// fields wants a record with exactly these.
func (a *answer) fields(want string) record {
	a.t.Helper()
	r := a.record()
	if string(r.Fields) != want {
		a.t.Errorf("%s: fields %s, want %s", a.what, r.Fields, want)
	}
	return r
}

// openAPI is the document that the API serves.
var openAPI = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(api.OpenAPI())
})

// plain takes a body for what it is: its media type has no schema to speak of.
func plain(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	b, err := io.ReadAll(body)
	return string(b), err
}

func TestMain(m *testing.M) {
	for _, t := range []string{"application/x-ndjson", "application/gzip", "application/octet-stream", "application/yaml", "text/event-stream"} {
		openapi3filter.RegisterBodyDecoder(t, plain)
	}
	os.Exit(m.Run())
}

// hold checks that the answer is one that the document has, and that a request
// which succeeded is one, too.
func (s *site) hold(req *http.Request, body string, a *answer) {
	s.t.Helper()
	doc, err := openAPI()
	if err != nil {
		s.t.Fatal(err)
	}
	route, params := described(doc, req.URL.EscapedPath())
	item := doc.Paths.Value(route)
	if item == nil || item.GetOperation(req.Method) == nil {
		if a.status < 400 {
			s.t.Errorf("%s succeeded, but is no route", a.what)
		}
		return
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req.Clone(context.Background()), PathParams: params,
		Route:   &routers.Route{Spec: doc, Path: route, PathItem: item, Method: req.Method, Operation: item.GetOperation(req.Method)},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	input.Request.Body = io.NopCloser(strings.NewReader(body))
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil && a.status < 400 {
		s.t.Errorf("%s succeeded with %d, but openapi.json refuses the request: %v", a.what, a.status, err)
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: a.status, Header: maps.Clone(a.header),
		Body: io.NopCloser(bytes.NewReader(a.body)), Options: input.Options,
	})
	if err != nil {
		s.t.Errorf("%s answered %d, not as openapi.json has it: %v", a.what, a.status, err)
	}
}

// described is the document's path that an escaped path is of, "" if there is
// none, and what stands there in place of the names in braces.
func described(doc *openapi3.T, escaped string) (route string, params map[string]string) {
	got := strings.Split(escaped, "/")
	for route := range doc.Paths.Map() {
		params := map[string]string{}
		if slices.EqualFunc(strings.Split(route, "/"), got, func(want, got string) bool {
			name, named := strings.CutPrefix(want, "{")
			value, err := url.PathUnescape(got)
			if named {
				params[strings.TrimSuffix(name, "}")] = value
			}
			return err == nil && (want == got || named && got != "")
		}) {
			return route, params
		}
	}
	return "", nil
}

// fits holds a value against one of the document's schemas.
func (s *site) fits(schema string, text []byte) {
	s.t.Helper()
	doc, err := openAPI()
	if err != nil {
		s.t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		s.t.Fatalf("%v: %s", err, text)
	}
	if err := doc.Components.Schemas[schema].Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
		s.t.Errorf("%s is no %s: %v", text, schema, err)
	}
}

// put writes a record with fields in JSON.
func (s *site) put(path, fields string, headers ...string) record {
	s.t.Helper()
	return s.do("PUT", "/v1/records/"+path, `{"fields":`+fields+`}`, headers...).record()
}

func (s *site) get(path string) record {
	s.t.Helper()
	return s.do("GET", "/v1/records/"+path, "").record()
}

func match(r record) string { return `If-Match: "` + r.Version + `"` }

// Peers, Devices and Invite are those of the node; the tests of the API need no
// other devices.
func (d *device) Peers(context.Context) ([]api.Peer, error) { return d.peers, nil }

func (d *device) Devices() []api.Device {
	if d.devices != nil {
		return d.devices
	}
	id, name, role := d.Self()
	return []api.Device{{ID: string(id), Name: name, Role: role, Self: true, Admitted: "2026-11-20T09:00:00.000Z"}}
}

func (d *device) Invite(ctx context.Context, role crdt.Role, valid time.Duration) (api.Invite, error) {
	if d.refusal != nil {
		return api.Invite{}, d.refusal
	}
	code, err := d.Node.Invite(ctx, role, valid)
	return api.Invite{Code: string(code), Expires: time.Now().Add(valid).UTC().Format("2006-01-02T15:04:05.000Z07:00"), QR: "musafir:" + string(code) + "?peer=a&peer=b"}, err
}

func (d *device) Notices() []api.Notice { return d.notices }
