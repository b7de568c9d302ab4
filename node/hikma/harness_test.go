package hikma

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/clinic"
	"musafir/node/replica"
	"musafir/store"
)

// A device is a real store in memory and a real node.
type device struct {
	*store.Store
	*node.Node
	key  ed25519.PrivateKey
	camp crdt.CampID
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
	n := node.New(node.Config{Begin: func() replica.Batch { return s.Begin() }, Logs: s, Writer: writer, Log: slog.New(slog.DiscardHandler)})
	d := &device{Store: s, Node: n, key: key, camp: founded.Camp}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return d
}

func (d *device) Camp() (crdt.CampID, string) { return d.camp, "Kutupalong" }

func (d *device) Self() (id crdt.DeviceID, name, role string) {
	return crdt.DeviceIDOf(d.key.Public().(ed25519.PublicKey)), "registration", "coordinator"
}

// A note is what a clinic was told by a phone.
type pushed struct {
	who     Who
	last    int64
	changes string
}

// A clinicSync stands for what serves the rows.
type clinicSync struct {
	mu     sync.Mutex
	pushes []pushed
	pulls  []pushed
	pull   func(w io.Writer) error
	push   error
}

func (c *clinicSync) Pull(_ context.Context, who Who, last int64, w io.Writer) error {
	c.mu.Lock()
	c.pulls = append(c.pulls, pushed{who: who, last: last})
	c.mu.Unlock()
	return c.pull(w)
}

func (c *clinicSync) Push(_ context.Context, who Who, last int64, changes []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushes = append(c.pushes, pushed{who, last, string(changes)})
	return c.push
}

const pulled = `{"changes":{"patients":{"created":[],"updated":[],"deleted":[]}},"timestamp":1767312000123}`

// A site is a device that serves phones on a port.
type site struct {
	t      testing.TB
	device *device
	sync   *clinicSync
	hikma  *Server
	server *httptest.Server
	log    *lockedBuffer
	mu     sync.Mutex
	later  time.Duration // than it is
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.later)
}

func (s *site) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later += d
}

// Of every site in these tests.
const (
	aminaID  = "018f2c00-0000-7000-8000-00000000000a"
	clinicID = "018f2c00-0000-7000-8000-00000000000c"
	amina    = "amina@example.org"
	secret   = "a secret of the tests"
)

func newSite(t testing.TB) *site {
	t.Helper()
	s := newEmptySite(t)
	s.set("clinics", clinicID, "name", "Camp 4", "is_deleted", false)
	s.set("users", aminaID, "name", "Amina K.", "email", amina, "role", "provider", "clinic_id", clinicID, "is_deleted", false)
	s.password(aminaID, secret)
	return s
}

func newEmptySite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, device: newDevice(t), sync: &clinicSync{}, log: &lockedBuffer{}}
	s.sync.pull = func(w io.Writer) error { _, err := io.WriteString(w, pulled); return err }
	s.start()
	return s
}

// start serves anew, as after the program was started again.
func (s *site) start() {
	if s.server != nil {
		s.server.Close()
	}
	s.hikma = New(Config{Backend: s.device, Sync: s.sync, Seed: [32]byte(s.device.key.Seed()), Secret: [32]byte{1, 2, 3},
		Log: slog.New(slog.NewTextHandler(s.log, nil)), Now: s.now})
	s.server = httptest.NewServer(s.hikma.Handler())
	s.t.Cleanup(s.server.Close)
}

func valueOf(v any) crdt.Value {
	switch v := v.(type) {
	case string:
		return crdt.Text(v)
	case bool:
		if v {
			return crdt.True
		}
		return crdt.False
	case int:
		return crdt.Int(int64(v))
	}
	return crdt.Null
}

func (s *site) write(e *crdt.Edit) {
	s.t.Helper()
	if _, err := s.device.Write(s.t.Context(), crdt.Transaction{Edits: []*crdt.Edit{e}}); err != nil {
		s.t.Fatal(err)
	}
}

// set sets fields of a record: names and values.
func (s *site) set(collection, id string, fields ...any) {
	s.t.Helper()
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: collection, ID: id}}
	for pair := range slices.Chunk(fields, 2) {
		e.Set = append(e.Set, crdt.Field{Key: pair[0].(string), Value: valueOf(pair[1])})
	}
	s.write(e)
}

// apart sets a field as a device would that has not seen what is there.
func (s *site) apart(collection, id, field string, value any) {
	s.t.Helper()
	s.write(&crdt.Edit{Key: crdt.RecordKey{Collection: collection, ID: id}, Set: []crdt.Field{{Key: field, Value: valueOf(value)}}, Seen: &crdt.Seen{}})
}

func hashed(t testing.TB, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *site) password(user, password string) {
	s.t.Helper()
	s.set(clinic.Passwords, user, "hash", hashed(s.t, password))
}

// An app is the app on one phone, as its protocol is written down: it uses nothing of
// what it talks to.
type app struct {
	t      testing.TB
	url    string
	client string
	key    []byte
	token  any
}

func (s *site) app(client string) *app { return &app{t: s.t, url: s.server.URL, client: client} }

// post sends a body and gives what came; -1 if the answer broke off.
func (a *app) post(path, body string) (status int, answer []byte) {
	a.t.Helper()
	resp, err := http.Post(a.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return -1, answer
	}
	return resp.StatusCode, answer
}

func object(t testing.TB, b []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return doc
}

func document(t testing.TB, doc any) string {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (a *app) shake() *app {
	a.t.Helper()
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	status, b := a.post("/rpc/handshake", document(a.t, map[string]string{"client_id": a.client,
		"client_public_key": coding.EncodeToString(own.PublicKey().Bytes()), "device_name": "Nurse's phone"}))
	doc := object(a.t, b)
	if status != 200 || doc["success"] != true || doc["hub_id"] == "" {
		a.t.Fatalf("handshake: %d %s", status, b)
	}
	public, err := coding.DecodeString(doc["hub_public_key"].(string))
	if err != nil {
		a.t.Fatal(err)
	}
	key, err := agreeAsPhone(own, public)
	if err != nil {
		a.t.Fatal(err)
	}
	a.key = key
	return a
}

func agreeAsPhone(own *ecdh.PrivateKey, hub []byte) ([]byte, error) {
	public, err := ecdh.X25519().NewPublicKey(hub)
	if err != nil {
		return nil, err
	}
	shared, err := own.ECDH(public)
	if err != nil {
		return nil, err
	}
	return derive(shared, "hikma-health-pairing-v1", string(hub)+string(own.PublicKey().Bytes())), nil
}

// seal makes an envelope.
func (a *app) seal(purpose, text string) string {
	a.t.Helper()
	_, gcm := sessionKey(a.key).ciphers()
	nonce := make([]byte, nonceBytes)
	rand.Read(nonce)
	return document(a.t, map[string]string{"client_id": a.client,
		"payload": coding.EncodeToString(gcm.Seal(nonce, nonce, []byte(text), []byte(purpose)))})
}

// ask sends what is sealed and gives what was, or what stands in the error.
func (a *app) ask(purpose, text string) (status int, answer string) {
	a.t.Helper()
	status, b := a.post("/rpc/"+purpose, a.seal(purpose, text))
	if status == -1 {
		return status, string(b)
	}
	doc := object(a.t, b)
	if status != 200 {
		text, ok := doc["error"].(string)
		if !ok || text == "" {
			a.t.Fatalf("%d without an error: %s", status, b)
		}
		return status, text
	}
	sealed, err := coding.DecodeString(doc["payload"].(string))
	if err != nil {
		a.t.Fatal(err)
	}
	_, gcm := sessionKey(a.key).ciphers()
	opened, err := gcm.Open(nil, sealed[:nonceBytes], sealed[nonceBytes:], []byte(purpose+"_response"))
	if err != nil {
		a.t.Fatal(err)
	}
	if strings.Contains(string(opened), `"error"`) {
		a.t.Fatalf("an error was sealed as success: %s", opened)
	}
	return status, string(opened)
}

func (a *app) command(name string, data any) (int, string) {
	a.t.Helper()
	return a.ask("command", document(a.t, map[string]any{"command": name, "data": data, "token": a.token}))
}

func (a *app) query(name string, params any) (int, string) {
	a.t.Helper()
	return a.ask("query", document(a.t, map[string]any{"query": name, "params": params, "token": a.token}))
}

// logIn tries to, and keeps the token.
func (a *app) logIn(email, password string) (int, string) {
	a.t.Helper()
	status, text := a.command("login", map[string]string{"email": email, "password": password})
	if status == 200 {
		a.token = object(a.t, []byte(text))["token"]
	}
	return status, text
}

func (a *app) pull() (int, string) {
	a.t.Helper()
	return a.query("sync_pull", map[string]any{"lastPulledAt": 0})
}

// in is an app that somebody logged in with.
func (s *site) in(client string) *app {
	s.t.Helper()
	a := s.app(client).shake()
	if status, text := a.logIn(amina, secret); status != 200 {
		s.t.Fatalf("login: %d %s", status, text)
	}
	return a
}

func (a *app) wants(what string, status int, answer string, want int) {
	a.t.Helper()
	if status != want {
		a.t.Errorf("%s: %d %q, want %d", what, status, answer, want)
	}
}
