package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"musafir/node/api"
)

func TestWhoIsLetIn(t *testing.T) {
	s := newSite(t)
	host := strings.TrimPrefix(s.server.URL, "http://")
	_, port, _ := strings.Cut(host, ":")
	for _, tt := range []struct {
		name    string
		path    string
		headers []string
		status  int
	}{
		{"with the token", "/v1/status", nil, 200},
		{"scheme in small letters", "/v1/status", []string{"Authorization: bearer " + token}, 200},
		{"without a token", "/v1/status", []string{"Authorization: "}, 401},
		{"another token", "/v1/status", []string{"Authorization: Bearer " + token + "x"}, 401},
		{"no token in it", "/v1/status", []string{"Authorization: Bearer"}, 401},
		{"another scheme", "/v1/status", []string{"Authorization: Basic " + token}, 401},
		{"metrics without a token", "/metrics", []string{"Authorization: "}, 401},
		{"document without a token", "/openapi.json", []string{"Authorization: "}, 401},
		{"unknown path without a token", "/v1/unknown", []string{"Authorization: "}, 401},
		{"health without a token", "/healthz", []string{"Authorization: "}, 200},

		{"localhost", "/v1/status", []string{"Host: LocalHost:" + port}, 200},
		{"another loopback address", "/v1/status", []string{"Host: 127.9.9.9"}, 200},
		{"IPv6", "/v1/status", []string{"Host: [::1]:" + port}, 200},
		{"IPv6 without a port", "/v1/status", []string{"Host: [::1]"}, 200},
		{"a configured name", "/v1/status", []string{"Host: clinic-pi.LOCAL:" + port}, 200},
		{"a foreign name", "/v1/status", []string{"Host: evil.example:" + port}, 403},
		{"a name that begins well", "/v1/status", []string{"Host: localhost.evil.example"}, 403},
		{"health by a foreign name", "/healthz", []string{"Host: evil.example"}, 403},
		{"an address of the network", "/v1/status", []string{"Host: 192.168.1.7"}, 403},

		{"its own origin", "/v1/status", []string{"Origin: http://" + host}, 200},
		{"a foreign origin", "/v1/status", []string{"Origin: https://evil.example"}, 403},
		{"another port", "/v1/status", []string{"Origin: http://127.0.0.1:1"}, 403},
		{"no origin to speak of", "/v1/status", []string{"Origin: null"}, 403},
		{"an extension", "/v1/status", []string{"Origin: moz-extension://" + host}, 403},
		{"typed by a person", "/v1/status", []string{"Sec-Fetch-Site: none"}, 200},
		{"from its own page", "/v1/status", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"from another site", "/v1/status", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"from another port", "/healthz", []string{"Sec-Fetch-Site: same-site"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do("GET", tt.path, "", tt.headers...)
			a.t = t
			a.want(tt.status)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s: %q", name, got)
				}
			}
			if tt.status == 401 && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
			}
			if tt.status >= 400 {
				a.problem(tt.status, "")
			}
		})
	}
}

// An API that is open to the network answers to addresses, which nobody can take
// from its machine, and still to no foreign name.
func TestHostsOfAnOpenAPI(t *testing.T) {
	s := newSite(t)
	cfg := s.config(s.device)
	cfg.Open = true
	h := api.New(cfg).Handler()
	for host, want := range map[string]int{
		"192.168.1.7:7667": 200, "[fd00::7]": 200, "localhost:7667": 200, "clinic-pi.local": 200,
		"evil.example:7667": 403, "192.168.1.7.evil.example": 403, "": 403,
	} {
		r := httptest.NewRequest("GET", "/v1/status", nil)
		r.Host = host
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
		if w.Code == 200 && !strings.Contains(w.Body.String(), api.OpenAdvice.Text) {
			t.Errorf("status does not warn: %s", w.Body)
		}
	}
}

func TestLogHoldsNoIDsAndNoValues(t *testing.T) {
	s := newSite(t)
	s.do("PUT", "/v1/records/patients/an-id-of-somebody", `{"fields":{"name":"a-name-of-somebody"}}`).want(201)
	s.do("GET", "/v1/records/patients?where=name%3Da-name-of-somebody", "").want(200)
	s.server.Close() // waits for what is logged after the answer
	log := s.log.String()
	for _, secret := range []string{"an-id", "a-name", token} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
	for _, want := range []string{"route=/v1/records/{collection}/{id}", "method=PUT", "status=201", "ms=", "bytes="} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log:\n%s", want, log)
		}
	}
}
