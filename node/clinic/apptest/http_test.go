package apptest_test

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"musafir/node/clinic/apptest"
)

// A door is the least of a hub behind HTTP: it opens what comes and seals what it was told
// to say.
type door struct {
	t       *testing.T
	key     *ecdh.PrivateKey
	session []byte
	shakes  []string          // the bodies of handshakes
	heard   []string          // what was in the envelopes
	says    map[string]string // by the name of a command or query
	status  int               // of the next answers
	garbled bool              // so are they
	plain   map[string]string // answers to what has no envelope, by path
}

func openDoor(t *testing.T) (*door, string) {
	d := &door{t: t, key: counting(t, 1), says: map[string]string{"sync_pull": answer(start), "sync_push": `{}`}, status: 200,
		plain: map[string]string{"/rpc/heartbeat": `{"status":"ok"}`, "/": ""}}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	return d, server.URL
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Error(err)
	}
	w.WriteHeader(d.status)
	switch r.URL.Path {
	case "/rpc/handshake":
		d.shakes = append(d.shakes, string(body))
		d.handshake(body)
		_, _ = io.WriteString(w, d.says["handshake"])
	case "/rpc/command", "/rpc/query":
		_, _ = io.WriteString(w, d.answer(r.URL.Path[len("/rpc/"):], body))
	default:
		d.heard = append(d.heard, r.Method+" "+r.URL.Path+" "+string(body))
		_, _ = io.WriteString(w, d.plain[r.URL.Path])
	}
}

func (d *door) handshake(body []byte) {
	var in struct {
		Key string `json:"client_public_key"`
	}
	_ = json.Unmarshal(body, &in)
	raw, err := base64.RawURLEncoding.DecodeString(in.Key)
	if err != nil {
		d.t.Error(err)
	}
	client, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		d.t.Error(err)
		return
	}
	d.session, _ = apptest.SessionKey(d.key, client, d.key.PublicKey(), client)
	if d.says["handshake"] == "" {
		d.says["handshake"] = `{"hub_public_key":"` + base64.RawURLEncoding.EncodeToString(d.key.PublicKey().Bytes()) +
			`","hub_id":"camp-4-hub","hub_name":"Camp 4 clinic","success":true}`
	}
}

func (d *door) answer(role string, body []byte) string {
	var in map[string]string
	if err := json.Unmarshal(body, &in); err != nil || len(in) != 2 || in["client_id"] != client {
		d.t.Errorf("the envelope is %s", body)
	}
	text, err := apptest.Open(d.session, role, in["payload"])
	if err != nil {
		d.t.Error(err)
	}
	d.heard = append(d.heard, string(text))
	var message map[string]any
	_ = json.Unmarshal(text, &message)
	name, _ := message[role].(string)
	nonce := make([]byte, 12)
	payload, err := apptest.Seal(d.session, nonce, role+"_response", []byte(d.says[name]))
	if err != nil {
		d.t.Error(err)
	}
	if d.garbled {
		payload = payload[1:] + payload[:1]
	}
	return `{"payload":"` + payload + `","success":true}`
}

func pair(t *testing.T, url string) *apptest.Remote {
	t.Helper()
	r, err := apptest.Pair(apptest.Stringify(apptest.Columns{"type": "sync_hub", "url": url, "id": "camp-4-hub", "pk": "x"}), client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestQR(t *testing.T) {
	for code, want := range map[string]string{
		`{"type":"sync_hub","url":"http://10.42.0.1:4001","id":"x","pk":"y"}`: "http://10.42.0.1:4001",
		`{"type":"sync_hub","url":"http://10.42.0.1:4001"}`:                   "http://10.42.0.1:4001",
		`{"type":"cloud","url":"http://10.42.0.1:4001"}`:                      "",
		`{"type":"sync_hub","url":""}`:                                        "",
		`https://example.org`:                                                 "",
		`null`:                                                                "",
	} {
		if got, err := apptest.ReadQR(code); got != want && want != "" || errors.Is(err, apptest.ErrQR) != (want == "") {
			t.Errorf("%s: %q, %v", code, got, err)
		}
	}
}

func TestRemote(t *testing.T) {
	d, url := openDoor(t)
	r := pair(t, url)
	if r.HubID != "camp-4-hub" || r.HubName != "Camp 4 clinic" {
		t.Errorf("the hub is %s, %s", r.HubID, r.HubName)
	}
	d.says["login"] = `{"token":"t1","user_id":"u1","clinic_id":"c1","role":"provider","provider_name":"Amina K.","clinic_name":"Camp 4"}`
	if err := r.Login("amina@example.org", "<secret>"); err != nil {
		t.Fatal(err)
	}
	want := apptest.Provider{UserID: "u1", Name: "Amina K.", Email: "amina@example.org", Role: "provider", ClinicID: "c1", ClinicName: "Camp 4", Token: "t1"}
	if r.Provider != want || r.Token != "t1" {
		t.Errorf("it keeps %+v", r.Provider)
	}
	d.says["sync_pull"] = answer(start, created("patients", patient("p1", "1", "4")))
	p := newPhone()
	mustSync(t, p, r)
	p.Edit("patients", "p1", apptest.Columns{"given_name": "<é>"})
	d.says["sync_pull"] = answer(start + 1)
	mustSync(t, p, r)
	if len(d.shakes) != 3 || d.shakes[1] == d.shakes[2] { // one for the pairing
		t.Errorf("%d handshakes: %s", len(d.shakes), d.shakes)
	}
	heard := []map[string]any{
		{"command": "login", "data": map[string]any{"email": "amina@example.org", "password": "<secret>"}, "token": nil},
		{"query": "sync_pull", "params": map[string]any{"lastPulledAt": 0.0}, "token": "t1"},
		{"query": "sync_pull", "params": map[string]any{"lastPulledAt": float64(start)}, "token": "t1"},
	}
	for i, want := range heard {
		var got map[string]any
		if err := json.Unmarshal([]byte(d.heard[i]), &got); err != nil || apptest.Stringify(got) != apptest.Stringify(want) {
			t.Errorf("message %d is %s", i, d.heard[i])
		}
	}
	var push struct {
		Command, Token string
		Data           struct {
			Changes      map[string]map[string][]map[string]any `json:"changes"`
			LastPulledAt int64                                  `json:"lastPulledAt"`
		}
	}
	if err := json.Unmarshal([]byte(d.heard[3]), &push); err != nil || len(d.heard) != 4 {
		t.Fatalf("%d messages, the last one %s", len(d.heard), d.heard[3])
	}
	row := push.Data.Changes["patients"]["updated"][0]
	if push.Command != "sync_push" || push.Token != "t1" || push.Data.LastPulledAt != start || row["given_name"] != "<é>" {
		t.Errorf("the push is %s", d.heard[3])
	}
}

// A payload under any status of 2xx that can be opened is success to the app, whatever it
// says.
func TestRemoteFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		says   string
		want   error
	}{
		{"taken", 200, `{}`, nil},
		{"an error that is sealed", 200, `{"error":"no"}`, nil},
		{"another 2xx", 202, `{}`, nil},
		{"not authorized", 401, `{}`, apptest.ErrAuth},
		{"forbidden", 403, `{}`, apptest.ErrNetwork},
		{"broken", 500, `{}`, apptest.ErrNetwork},
		{"no JSON", 200, `no`, apptest.ErrDecrypt},
		{"nothing", 200, `null`, apptest.ErrDecrypt},
		{"false", 200, `false`, apptest.ErrDecrypt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, url := openDoor(t)
			r := pair(t, url)
			d.status, d.says["sync_push"] = tt.status, tt.says
			if err := r.Push(0, []byte(`{}`)); !errors.Is(err, tt.want) || err != nil && tt.want == nil {
				t.Errorf("the push ended with %v, want %v", err, tt.want)
			}
		})
	}
	d, url := openDoor(t)
	r := pair(t, url)
	d.garbled = true
	if _, err := r.Pull(0); !errors.Is(err, apptest.ErrDecrypt) {
		t.Errorf("of what it cannot open it says %v", err)
	}
	away := &apptest.Remote{URL: "http://127.0.0.1:1", ClientID: client}
	if _, err := away.Pull(0); !errors.Is(err, apptest.ErrNetwork) || away.Heartbeat() {
		t.Errorf("of a hub that is not there it says %v", err)
	}
}

func TestHandshakesThatFail(t *testing.T) {
	for says, want := range map[string]error{
		`{"hub_public_key":"","hub_id":"x","success":true}`:                                             apptest.ErrHandshake,
		`{"hub_public_key":"AAAA","hub_id":"x","success":true}`:                                         apptest.ErrHandshake,
		`{"hub_public_key":"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9_AsrhtHHw","hub_id":"","success":true}`:   apptest.ErrHandshake,
		`{"hub_public_key":"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9_AsrhtHHw","hub_id":"x","success":false}`: apptest.ErrHandshake,
		`{"hub_public_key":"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9_AsrhtHHw=","hub_id":"x","success":true}`: apptest.ErrHandshake,
		`no`: apptest.ErrNetwork,
	} {
		d, url := openDoor(t)
		d.says["handshake"] = says
		r := &apptest.Remote{URL: url, ClientID: client}
		if err := newPhone().Sync(r); !errors.Is(err, want) {
			t.Errorf("%s: %v", says, err)
		}
	}
	d, url := openDoor(t)
	d.status = 401
	r := &apptest.Remote{URL: url, ClientID: client}
	if err := r.Handshake(); !errors.Is(err, apptest.ErrNetwork) || errors.Is(err, apptest.ErrAuth) {
		t.Errorf("after 401: %v", err)
	}
}

func TestLoginsThatFail(t *testing.T) {
	for _, says := range []string{`{"token":"t","user_id":"","provider_name":"A"}`, `{"token":"t","user_id":"u"}`, `[]`} {
		d, url := openDoor(t)
		r := pair(t, url)
		d.says["login"] = says
		if err := r.Login("a@b.c", "secret"); !errors.Is(err, apptest.ErrLogin) || r.Token != "" {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestSignIn(t *testing.T) {
	d, url := openDoor(t)
	r := &apptest.Remote{URL: url, ClientID: client, Token: "old"}
	d.plain["/api/login"] = `{"id":"u1","name":"Amina K.","email":"amina@example.org","role":"provider","clinic_id":"c1","clinic_name":"Camp 4","token":"x"}`
	d.plain["/api/auth/sign-in"] = `{"user":{},"token":"t2"}`
	if err := r.SignIn("amina@example.org", "secret"); err != nil {
		t.Fatal(err)
	}
	want := apptest.Provider{UserID: "u1", Name: "Amina K.", Email: "amina@example.org", Role: "provider", ClinicID: "c1", ClinicName: "Camp 4", Token: "t2"}
	if r.Provider != want || r.Token != "old" {
		t.Errorf("it keeps %+v and %s", r.Provider, r.Token)
	}
	body := ` {"email":"amina@example.org","password":"secret"}`
	if !slices.Equal(d.heard, []string{"POST /api/login" + body, "POST /api/auth/sign-in" + body}) {
		t.Errorf("it sent %q", d.heard)
	}
	d.plain["/api/login"] = `{"id":"u1","name":"A","message":"welcome"}`
	if err := r.SignIn("amina@example.org", "secret"); !errors.Is(err, apptest.ErrLogin) {
		t.Errorf("with a message: %v", err)
	}
	if err := r.SignIn("amina@example.org", "abc"); !errors.Is(err, apptest.ErrLogin) || len(d.heard) != 3 {
		t.Errorf("with a short password: %v, %q", err, d.heard)
	}
	d.status = 401
	if err := r.SignIn("amina@example.org", "secret"); !errors.Is(err, apptest.ErrLogin) {
		t.Errorf("after 401: %v", err)
	}
}

func TestHeartbeatAndHead(t *testing.T) {
	d, url := openDoor(t)
	r := &apptest.Remote{URL: url}
	if status, err := r.Head(); err != nil || status != 200 || !r.Heartbeat() {
		t.Errorf("HEAD says %d, %v", status, err)
	}
	d.status = 503
	if r.Heartbeat() {
		t.Error("the heart beats at 503")
	}
	if !slices.Equal(d.heard, []string{"HEAD / ", "GET /rpc/heartbeat ", "GET /rpc/heartbeat "}) {
		t.Errorf("it sent %q", d.heard)
	}
}
