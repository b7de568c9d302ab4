package hikma

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"musafir/node/clinic"
)

const phone1, phone2 = "6b0f0c0e-2a55-4a3e-9f0a-5f5f6f6a7b01", "6b0f0c0e-2a55-4a3e-9f0a-5f5f6f6a7b02"

func TestPhoneSyncs(t *testing.T) {
	s := newSite(t)
	a := s.app(phone1).shake()
	status, text := a.logIn("  Amina@Example.ORG ", secret)
	a.wants("login", status, text, 200)
	doc := object(t, []byte(text))
	for key, want := range map[string]any{"user_id": aminaID, "clinic_id": clinicID, "clinic_name": "Camp 4", "role": "provider",
		"provider_name": "Amina K.", "email": amina} {
		if doc[key] != want {
			t.Errorf("%s is %v, want %v", key, doc[key], want)
		}
	}
	status, text = a.pull()
	if status != 200 || text != pulled {
		t.Errorf("pulled %d %q", status, text)
	}
	changes := `{"patients":{"created":[],"updated":[{"id":"1","given_name":"\ud83d half","_changed":"given_name"}],"deleted":[]}}`
	status, text = a.ask("command", fmt.Sprintf(`{"command":"sync_push","data":{"changes":%s,"lastPulledAt":1767225600000},"token":%q}`, changes, a.token))
	if status != 200 || text != "{}" {
		t.Errorf("pushed %d %q", status, text)
	}
	who := Who{Client: phone1, User: aminaID, Email: amina, Name: "Amina K."}
	if want := (pushed{who, 1767225600000, changes}); len(s.sync.pushes) != 1 || s.sync.pushes[0] != want {
		t.Errorf("the clinic was told %v, want %v", s.sync.pushes, want)
	}
	phones, err := s.hikma.Phones()
	self, _, _ := s.device.Self()
	if err != nil || len(phones) != 1 {
		t.Fatal(phones, err)
	}
	p := phones[0]
	if p.Client != phone1 || p.Name != "Nurse's phone" || p.User != aminaID || p.Approved || p.Revoked || p.LastDevice != self ||
		time.Since(p.First) > time.Minute || time.Since(p.LastSync) > time.Minute {
		t.Errorf("the phone is %+v", p)
	}
}

// Each device has its own key, and all are one hub.
func TestHub(t *testing.T) {
	s, other := newEmptySite(t), newEmptySite(t)
	id, key := s.hikma.Hub()
	s.start()
	if again, keyAgain := s.hikma.Hub(); again != id || keyAgain != key {
		t.Error("the hub is another one after a start")
	}
	other.device.camp = s.device.camp
	if otherID, otherKey := other.hikma.Hub(); otherID != id || otherKey == key {
		t.Errorf("another device of the camp is %s with key %s", otherID, otherKey)
	}
	if got, want := s.hikma.PairingCode("http://10.42.0.1:4001/"), fmt.Sprintf(`{"type":"sync_hub","url":"http://10.42.0.1:4001","id":%q,"pk":%q}`, id, key); got != want {
		t.Errorf("the pairing code is %s, want %s", got, want)
	}
}

// A stranger who shakes hands learns keys and no name.
func TestHandshakeTellsNoName(t *testing.T) {
	s := newSite(t)
	status, b := s.app(phone1).post("/rpc/handshake", document(t, map[string]string{"client_id": phone1, "client_public_key": coding.EncodeToString(ascending(1))}))
	id, key := s.hikma.Hub()
	want := map[string]any{"success": true, "hub_id": id, "hub_public_key": key, "hub_name": "Musafir"}
	if doc := object(t, b); status != 200 || !maps.Equal(doc, want) {
		t.Errorf("%d %s, want %v", status, b, want)
	}
}

func TestPlainRoutes(t *testing.T) {
	s := newEmptySite(t)
	for _, x := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200}, {"HEAD", "/", 200}, {"GET", "/rpc/heartbeat", 200},
		{"GET", "/rpc/command", 404}, {"POST", "/rpc/heartbeat", 404}, {"GET", "/v1/records/patients", 404}, {"OPTIONS", "/api/login", 404},
		{"GET", "/api/v2/sync", 404},
	} {
		req, err := http.NewRequest(x.method, s.server.URL+x.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "http://a-page.example")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != x.status || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %s: %d, want %d; header %v", x.method, x.path, resp.StatusCode, x.status, resp.Header)
		}
	}
}

func TestPlainLogin(t *testing.T) {
	s := newSite(t)
	a := s.app(phone1)
	for _, path := range []string{"/api/login", "/api/auth/sign-in"} {
		status, b := a.post(path, `{"email":"Amina@example.org","password":"`+secret+`"}`)
		doc := object(t, b)
		inner, _ := doc["user"].(map[string]any)
		for _, d := range []map[string]any{doc, inner} {
			if status != 200 || d["id"] != aminaID || d["name"] != "Amina K." || d["email"] != amina || d["role"] != "provider" ||
				d["clinic_id"] != clinicID || d["clinic_name"] != "Camp 4" {
				t.Errorf("%s: %d %s", path, status, b)
			}
		}
		if _, is := doc["message"]; is || doc["token"] == "" {
			t.Errorf("%s: %s", path, b)
		}
		// Nobody knows which phone it is for, so it syncs with none.
		a.shake().token = doc["token"]
		status, text := a.pull()
		a.wants("pull with a token of no phone", status, text, 401)
	}
	for body, want := range map[string]int{
		`{"email":"amina@example.org","password":"wrong"}`: 401, `{"email":"amina@example.org"}`: 401, `{}`: 401,
		`{"email":"nobody@example.org","password":"` + secret + `"}`: 401, `{"email":7}`: 400, `[`: 400, ``: 400,
		`{"email":"` + strings.Repeat("a", plainBytesMax) + `"}`: 413,
	} {
		if status, b := a.post("/api/login", body); status != want || object(t, b)["error"] == "" {
			t.Errorf("%.60s: %d %s, want %d", body, status, b, want)
		}
	}
}

// The clinic of somebody whose row names none.
func TestWorkplace(t *testing.T) {
	s := newSite(t)
	s.set("clinics", "other", "name", "Beach", "is_deleted", false)
	s.set("user_clinic_permissions", "p1", "user_id", aminaID, "clinic_id", clinicID, "can_view_history", true)
	s.set("user_clinic_permissions", "p2", "user_id", aminaID, "clinic_id", "other", "can_view_history", true)
	for _, x := range []struct{ row, want any }{{clinicID, clinicID}, {"gone", "other"}, {nil, "other"}} {
		s.set("users", aminaID, "clinic_id", x.row)
		a := s.app(phone1).shake()
		_, text := a.logIn(amina, secret)
		if got := object(t, []byte(text))["clinic_id"]; got != x.want {
			t.Errorf("where the row names %v the clinic is %v, want %v", x.row, got, x.want)
		}
	}
	s.set("user_clinic_permissions", "p1", "can_view_history", false)
	s.set("clinics", "other", "is_deleted", true)
	a := s.app(phone1).shake()
	if _, text := a.logIn(amina, secret); object(t, []byte(text))["clinic_id"] != nil {
		t.Errorf("without any clinic: %s", text)
	}
}

func TestOnlineMode(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	for kind, list := range map[string][]string{
		"query":   {"get_patients", "search_patients", "get_patient", "get_visits", "get_visit_events", "events.by_form", "vitals.list", "problems.list", "problems.get"},
		"command": {"register_patient", "visits.create", "events.create", "events.update", "events.delete", "vitals.create", "problems.create", "problems.update"},
	} {
		for _, name := range list {
			status, text := a.ask(kind, fmt.Sprintf(`{%q:%q,"token":%q}`, kind, name, a.token))
			a.wants(name, status, text, 501)
		}
	}
	for kind, names := range map[string][]string{"query": {"sync_push", "ping", ""}, "command": {"sync_pull", "login "}} {
		for _, name := range names {
			status, text := a.ask(kind, fmt.Sprintf(`{%q:%q,"token":%q}`, kind, name, a.token))
			a.wants(kind+" "+name, status, text, 404)
		}
	}
}

func TestMalformed(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	key := coding.EncodeToString(ascending(1))
	long := strings.Repeat("x", clinic.ClientMaxBytes+1)
	for _, x := range []struct {
		path, body string
		status     int
	}{
		{"/rpc/handshake", ``, 400},
		{"/rpc/handshake", `{}`, 400},
		{"/rpc/handshake", `{"client_id":"","client_public_key":"` + key + `"}`, 400},
		{"/rpc/handshake", `{"client_id":"a b","client_public_key":"` + key + `"}`, 400},
		{"/rpc/handshake", `{"client_id":"a/b","client_public_key":"` + key + `"}`, 400},
		{"/rpc/handshake", `{"client_id":"é","client_public_key":"` + key + `"}`, 400},
		{"/rpc/handshake", `{"client_id":"` + long + `","client_public_key":"` + key + `"}`, 400},
		{"/rpc/handshake", `{"client_id":"` + long[1:] + `","client_public_key":"` + key + `"}`, 200},
		{"/rpc/handshake", `{"client_id":"a","client_public_key":"` + key[1:] + `"}`, 400},
		{"/rpc/handshake", `{"client_id":"a","client_public_key":"` + coding.EncodeToString(make([]byte, 32)) + `"}`, 400},
		{"/rpc/handshake", `{"client_id":"a","client_public_key":"` + strings.Repeat("A", plainBytesMax) + `"}`, 413},
		{"/rpc/query", ``, 400},
		{"/rpc/query", `null`, 400},
		{"/rpc/query", `{"client_id":"` + phone1 + `"}`, 400},
		{"/rpc/query", `{"client_id":"` + phone1 + `","payload":null}`, 400},
		{"/rpc/query", `{"client_id":"` + phone1 + `","payload":"===="}`, 400},
		{"/rpc/query", `{"client_id":"` + phone1 + `","payload":"AAAA"} and more`, 400},
		{"/rpc/query", `{"client_id":"` + phone1 + `","payload":""}`, 409},
		{"/rpc/query", `{"client_id":"` + phone1 + `","payload":"` + strings.Repeat("A", 200) + `"}`, 409},
		{"/rpc/query", `{"client_id":"somebody-else","payload":"` + strings.Repeat("A", 200) + `"}`, 409},
		{"/rpc/query", a.seal("command", `{"query":"sync_pull"}`), 409}, // sealed for the other door
		{"/rpc/query", a.seal("query", `no JSON`), 400},
		{"/rpc/query", a.seal("query", `{"query":7}`), 400},
		{"/rpc/query", a.seal("query", `{"query":"sync_pull","token":{}}`), 400},
		{"/rpc/query", a.seal("query", fmt.Sprintf(`{"query":"sync_pull","params":[],"token":%q}`, a.token)), 400},
		{"/rpc/command", a.seal("command", fmt.Sprintf(`{"command":"sync_push","data":{},"token":%q}`, a.token)), 400},
		{"/rpc/command", a.seal("command", `{"command":"login","data":{"email":[]}}`), 400},
		{"/rpc/command", a.seal("command", `{"command":"login"}`), 401},
	} {
		status, b := a.post(x.path, x.body)
		if status != x.status || status != 200 && object(t, b)["error"] == "" {
			t.Errorf("%s %.100s: %d %s, want %d", x.path, x.body, status, b, x.status)
		}
	}
	if len(s.sync.pulls)+len(s.sync.pushes) != 0 {
		t.Error("something of that synced")
	}
}

func TestWatermark(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	for _, x := range []struct {
		params string
		want   int64 // -1: refused
	}{
		{`{}`, 0}, {`{"lastPulledAt":null}`, 0}, {`{"lastPulledAt":0}`, 0}, {`{"lastPulledAt":1767225600000}`, 1767225600000},
		{`{"last_pulled_at":1767225600000}`, 1767225600000}, {`{"lastPulledAt":1.7672256e12}`, 1767225600000}, {`{"lastPulledAt":12.5}`, 12},
		{`{"lastPulledAt":-1}`, -1}, {`{"lastPulledAt":-0.5}`, -1}, {`{"lastPulledAt":"12"}`, -1}, {`{"lastPulledAt":NaN}`, -1},
		{`{"lastPulledAt":1e400}`, -1}, {`{"lastPulledAt":1e17}`, -1}, {`{"lastPulledAt":[]}`, -1},
	} {
		s.sync.pulls = nil
		status, text := a.ask("query", fmt.Sprintf(`{"query":"sync_pull","params":%s,"token":%q}`, x.params, a.token))
		switch {
		case x.want < 0:
			a.wants(x.params, status, text, 400)
		case status != 200 || s.sync.pulls[0].last != x.want:
			t.Errorf("%s: %d %v, want %d", x.params, status, s.sync.pulls, x.want)
		}
	}
}

// What fails is never taken for an answer.
func TestFailures(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	defect := errors.New("a defect")
	for _, x := range []struct {
		what  string
		bytes int
		err   error
		want  int
	}{
		{"at once", 0, defect, 500},
		{"with few bytes written", 1000, defect, 500},
		{"in the middle", 1 << 20, defect, -1},
		{"refused", 0, &Refusal{503, "Not now."}, 503},
		{"refused with a status of success", 0, &Refusal{200, "Fine."}, 500},
		{"refused in the middle", 1 << 20, &Refusal{503, "Not now."}, -1},
		{"without a word", 0, nil, 500},
	} {
		s.sync.pull = func(w io.Writer) error {
			if _, err := w.Write(make([]byte, x.bytes)); err != nil {
				return err
			}
			return x.err
		}
		status, text := a.pull()
		a.wants(x.what, status, text, x.want)
		if strings.Contains(text, "a defect") {
			t.Errorf("%s: the phone was told %q", x.what, text)
		}
	}
	s.sync.pull = func(io.Writer) error { panic("a defect") }
	status, text := a.pull()
	a.wants("a panic", status, text, 500)
	for err, want := range map[error]int{defect: 500, &Refusal{503, "Not now."}: 503} {
		s.sync.push = err
		status, text := a.command("sync_push", map[string]any{"changes": map[string]any{}})
		a.wants("a push that is not durable", status, text, want)
	}
	if !strings.Contains(s.log.String(), "a defect") {
		t.Error("the log does not tell of the defect")
	}
}

// A long answer comes whole, and takes no memory of its length.
func TestLongAnswer(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	row := strings.Repeat("x", 1<<20)
	s.sync.pull = func(w io.Writer) error {
		io.WriteString(w, `{"a":"`)
		for range 8 {
			io.WriteString(w, row)
		}
		_, err := io.WriteString(w, `"}`)
		return err
	}
	if status, text := a.pull(); status != 200 || text != `{"a":"`+strings.Repeat(row, 8)+`"}` {
		t.Errorf("%d, %d bytes", status, len(text))
	}
	var before, after runtime.MemStats
	w := sealTo(io.Discard, sessionKey{}, [nonceBytes]byte{}, "query_response")
	piece := []byte(row)
	runtime.ReadMemStats(&before)
	for range 64 {
		w.Write(piece)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("64 MiB took %d bytes to seal", used)
	}
}

func TestLargeBodies(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	req, err := http.NewRequest("POST", s.server.URL+"/rpc/command", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	req.Body, req.ContentLength = io.NopCloser(neverEnding{}), bodyBytesMax+1
	if resp, err := http.DefaultClient.Do(req); err == nil {
		if resp.Body.Close(); resp.StatusCode != 413 {
			t.Errorf("a body above the limit: %d", resp.StatusCode)
		}
	}
	note := strings.Repeat("x", 5<<20)
	status, text := a.command("sync_push", map[string]any{"changes": map[string]any{"notes": note}})
	a.wants("a large push", status, text, 200)
	if len(s.sync.pushes) != 1 || len(s.sync.pushes[0].changes) < len(note) {
		t.Error("the large push did not come whole")
	}
	if !s.hikma.bodies.room.TryAcquire(largeBytesAtOnce) {
		t.Error("the room of a large body was not given back")
	}
}

// send begins a request of so many bytes with some of them, and leaves it there.
func (s *site) send(size int, begun string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.server.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := fmt.Fprintf(c, "POST /rpc/command HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, begun); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (a *app) pushLarge() (int, string) {
	a.t.Helper()
	return a.command("sync_push", map[string]any{"changes": map[string]any{"notes": strings.Repeat("x", 2*smallBytes)}})
}

// Whoever did not show who it is gets no room for what it says it will send.
func TestLargeBodiesOfStrangers(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	for range 3 {
		s.send(48<<20, "{")
	}
	for begun, want := range map[string]int{`{"client_id":"` + phone2 + `","payload":"`: 409, `{"payload":"`: 400, `[`: 400, `{"client_id":"a b","payload":"`: 400} {
		c := s.send(48<<20, begun+strings.Repeat("A", smallBytes))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %v %v, want %d", begun, resp, err, want)
		}
	}
	if status, text := a.pushLarge(); status != 200 {
		t.Errorf("a large push of a phone that showed who it is: %d %s", status, text)
	}
	if !s.hikma.bodies.room.TryAcquire(largeBytesAtOnce) {
		t.Error("strangers have room")
	}
}

// Who says that it is another phone takes no more room than that one has.
func TestLargeBodiesOfOne(t *testing.T) {
	s := newSite(t)
	a, b := s.in(phone1), s.in(phone2)
	c := s.send(48<<20, `{"client_id":"`+phone1+`","payload":"`+strings.Repeat("A", smallBytes))
	has := func() bool {
		s.hikma.bodies.mu.Lock()
		defer s.hikma.bodies.mu.Unlock()
		return s.hikma.bodies.large[phone1]
	}
	for !has() {
		runtime.Gosched()
	}
	status, text := a.pushLarge()
	a.wants("a second one of a phone", status, text, 503)
	status, text = b.pushLarge()
	b.wants("one of another phone", status, text, 200)
	c.Close()
	for has() {
		runtime.Gosched()
	}
	status, text = a.pushLarge()
	a.wants("one after the first broke off", status, text, 200)
}

// A body that says nothing of its size may be small.
func TestBodyOfNoSize(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	body := a.seal("query", fmt.Sprintf(`{"query":"sync_pull","token":%q}`, a.token))
	resp, err := http.Post(s.server.URL+"/rpc/query", "application/json", io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != 200 {
		t.Errorf("%d", resp.StatusCode)
	}
}

// Large bodies keep coming, or end.
func TestPace(t *testing.T) {
	for _, x := range []struct{ bytes, every, want int }{ // of a piece, seconds between them, bytes that come through
		{1 << 10, 60, 2 << 10}, {240 << 10, 60, 1 << 20}, {1 << 20, 3600, 1 << 20}, {4 << 10, 1, 1 << 20}, {2 << 10, 1, 240 << 10},
	} {
		now := time.Now()
		read := 0
		err := func() error {
			r := &paced{from: neverEnding{}, now: func() time.Time { return now }, since: now}
			for read < 1<<20 {
				now = now.Add(time.Duration(x.every) * time.Second)
				n, err := r.Read(make([]byte, x.bytes))
				read += n
				if err != nil {
					return err
				}
			}
			return nil
		}()
		if ended := err != nil; ended != (x.want < 1<<20) || ended && (read != x.want || !errors.Is(err, errSlow)) {
			t.Errorf("%d bytes each %d s: %d came, %v", x.bytes, x.every, read, err)
		}
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

// Nothing that somebody entered gets into the log.
func TestLogIsSilent(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	a.pull()
	a.command("sync_push", map[string]any{"changes": map[string]any{"patients": "Rahima"}})
	a.logIn(amina, "a wrong word")
	a.post("/api/login", `{"email":"amina@example.org","password":"a wrong word"}`)
	log := s.log.String()
	for _, x := range []string{"amina", "Amina", "example.org", secret, "wrong word", "Rahima", phone1, "Nurse", fmt.Sprint(a.token)} {
		if strings.Contains(log, x) {
			t.Errorf("the log has %q in it", x)
		}
	}
	if !strings.Contains(log, `route="POST /rpc/command" status=200 ms=`) {
		t.Errorf("the log does not tell of requests: %s", log)
	}
}
