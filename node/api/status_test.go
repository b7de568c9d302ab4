package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/api"
)

func TestStatus(t *testing.T) {
	s := newSite(t)
	read := s.put("c/a", `{"n":1}`)
	s.put("c/a", `{"n":2}`, match(read))
	s.put("c/a", `{"n":3}`, match(read))
	s.put("c/b", `{"n":1}`)
	s.do("DELETE", "/v1/records/c/b", "").want(204)
	a := s.do("GET", "/v1/status", "").want(200)
	got := into[struct {
		Camp      struct{ ID, Name string }
		Device    struct{ ID, Name, Role string }
		Version   string
		Digest    string
		StateRoot string `json:"state_root"`
		Counts    struct{ Entries, Records, Conflicts, Quarantined int }
		Disk      struct {
			Free, Used uint64
			State      string
		}
	}](a)
	digest, root := s.device.Frontier().Digest(), s.device.StateRoot()
	if got.Camp.Name != "Kutupalong" || got.Camp.ID != s.device.founded.Camp.String() || got.Device.Role != "coordinator" || got.Version != "test" {
		t.Errorf("status %s", a.body)
	}
	if got.Digest != hex.EncodeToString(digest[:]) || got.StateRoot != hex.EncodeToString(root[:]) {
		t.Errorf("status %s", a.body)
	}
	if got.Counts.Entries != 7 || got.Counts.Records != 1 || got.Counts.Conflicts != 1 || got.Disk.State != "ok" || got.Disk.Free == 0 {
		t.Errorf("status %s", a.body)
	}
}

// How phones stand is told where there are any.
func TestStatusOfPhones(t *testing.T) {
	s := newSite(t)
	if a := s.do("GET", "/v1/status", "").want(200); strings.Contains(string(a.body), "phones") {
		t.Errorf("no phones: %s", a.body)
	}
	for want, summary := range map[string]api.PhoneSummary{
		`"phones":{"url":"http://10.0.0.1:4001","known":0,"synced":0,"synced_today":0,"failed":0,"held":0}`: {URL: "http://10.0.0.1:4001"},
		`"phones":{"url":"","known":5,"synced":4,"synced_today":3,"failed":2,"held":1}`:                     {Known: 5, Synced: 4, Today: 3, Failed: 2, Held: 1},
	} {
		s.device.summary = summary
		if a := s.do("GET", "/v1/status", "").want(200); !strings.Contains(string(a.body), want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
}

func TestWhatOneDeviceKnowsOfOthers(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]string{
		"/v1/peers": `{"peers":[]}`, "/v1/quarantine": `{"next":"","quarantine":[]}`, "/healthz": `{"status":"ok"}`,
	} {
		if a := s.do("GET", path, "").want(200); string(a.body) != want+"\n" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	id, _, _ := s.device.Self()
	if a := s.do("GET", "/v1/devices", "").want(200); !strings.Contains(string(a.body), `"id":"`+string(id)+`"`) {
		t.Errorf("devices %s", a.body)
	}
	s.device.held = []api.Held{{Log: crdt.LogID(s.device.founded.Camp), Seq: 7, Entry: crdt.EntryID{1}, Reason: "its author was removed"}}
	if a := s.do("GET", "/v1/quarantine", "").want(200); !strings.Contains(string(a.body), "its author was removed") {
		t.Errorf("quarantine %s", a.body)
	}
}

func TestVerify(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"n":1}`)
	a := s.do("POST", "/v1/verify", "").want(200)
	if want := `{"entries":3,"seals":3,"records":1,"problems":[]}`; string(a.body) != want+"\n" {
		t.Errorf("report %s, want %s", a.body, want)
	}
}

func TestMetrics(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"n":1}`)
	s.do("GET", "/v1/records/c/never", "").want(404)
	a := s.do("GET", "/metrics", "").want(200)
	for _, want := range []string{
		"musafir_records 1\n", "musafir_entries 3\n", "musafir_feed_position 1\n", "musafir_disk_full 0\n", "go_goroutines ",
		`musafir_http_requests_total{method="GET",route="/v1/records/{collection}/{id}",status="404"} 1`,
		`musafir_http_request_seconds_count{method="PUT",route="/v1/records/{collection}/{id}"} 1`,
	} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("no %q in\n%s", want, a.body)
		}
	}
}

func TestHealthProof(t *testing.T) {
	s := newSite(t)
	for _, nonce := range []string{strings.Repeat("0a", 16), strings.Repeat("AbCd", 32), strings.Repeat("7", 33)} {
		mac := hmac.New(sha256.New, []byte(token))
		mac.Write([]byte("musafir healthz 1 " + nonce))
		want := `{"status":"ok","proof":"` + hex.EncodeToString(mac.Sum(nil)) + `"}`
		if a := s.do("GET", "/healthz?nonce="+nonce, "", "Authorization: ").want(200); string(a.body) != want+"\n" {
			t.Errorf("%s, want %s", a.body, want)
		}
	}
	for _, query := range []string{
		"nonce=", "nonce=" + strings.Repeat("0", 31), "nonce=" + strings.Repeat("0", 129), "nonce=" + strings.Repeat("0", 31) + "g",
		"nonce=" + strings.Repeat("0", 16) + "%20" + strings.Repeat("0", 16),
	} {
		s.do("GET", "/healthz?"+query, "", "Authorization: ").problem(400, "32 to 128 hexadecimal digits")
	}
	nonce := "nonce=" + strings.Repeat("0", 32)
	s.do("GET", "/healthz?"+nonce+"&"+nonce, "").problem(400, "more than once")
}

func TestHealthProvesNothingWithoutAToken(t *testing.T) {
	s := newSite(t)
	cfg := s.config(s.device)
	cfg.Token = func() string { return "" }
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/healthz?nonce="+strings.Repeat("0", 32), nil)
	r.Host = "localhost"
	api.New(cfg).Handler().ServeHTTP(w, r)
	if got := w.Body.String(); got != `{"status":"ok"}`+"\n" {
		t.Errorf("%d %s", w.Code, got)
	}
}
