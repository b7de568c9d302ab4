package api_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"musafir/node/api"
)

func TestAppTokens(t *testing.T) {
	s := newSite(t)
	s.know(app("first"), app("second"), app("third"))
	for _, tt := range []struct {
		token  string
		status int
		detail string
	}{
		{token, 200, ""},
		{"first", 200, ""},
		{"second", 200, ""},
		{"third", 200, ""},
		{"fourth", 401, "removed or replaced"},
		{"", 401, "is needed"},
	} {
		a := s.do("GET", "/v1/status", "", bearer(tt.token)).want(tt.status)
		if tt.status != 200 {
			a.problem(tt.status, tt.detail)
		}
	}
	s.know(app("first"))
	s.do("GET", "/v1/status", "", bearer("second")).want(401)
	s.do("GET", "/v1/status", "", bearer("first")).want(200)
}

// asking makes a request as it comes over the network, but without one.
func asking(h http.Handler, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/v1/status", nil)
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Many wrong tokens at once get few answers with the reason. Right ones between them
// are all answered, and wait for nothing.
func TestOnlyWrongTokensAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t, device: newDevice(t), log: &syncBuffer{}, stop: make(chan struct{})}
		s.device.run(t)
		s.know(app("right"))
		h := api.New(s.config(s.device)).Handler()
		start := time.Now()
		count := map[string]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 100 {
			for _, given := range []string{token, "right", fmt.Sprint("wrong", i), ""} {
				all.Go(func() {
					w := asking(h, given)
					mu.Lock()
					defer mu.Unlock()
					count[fmt.Sprintf("%s %d %s", strings.Trim(given, "0123456789"), w.Code, w.Header().Get("Retry-After"))]++
				})
			}
		}
		all.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("they waited %s", took)
		}
		for what, want := range map[string]int{token + " 200 ": 100, "right 200 ": 100, "wrong 401 ": 20, "wrong 429 3": 80, " 401 ": 100} {
			if count[what] != want {
				t.Errorf("%q: %d times, want %d of %v", what, count[what], want, count)
			}
		}
		pass(3 * time.Second)
		if first, second := asking(h, "wrong").Code, asking(h, "wrong").Code; first != 401 || second != 429 {
			t.Errorf("three seconds later: %d and %d", first, second)
		}
	})
}

func TestTooManyWrongTokensAreExplained(t *testing.T) {
	s := newSite(t)
	var last *answer
	for range 40 {
		last = s.do("GET", "/v1/status", "", bearer("wrong"))
	}
	last.problem(429, "A right one is still taken at once")
	s.do("GET", "/v1/status", "").want(200)
}

// Whoever follows is let go when the token is removed, before anything more is told.
func TestFollowingEndsWithItsToken(t *testing.T) {
	s := newSite(t)
	s.know(app("follower"))
	s.put("c/before", `{"n":1}`)
	resp, err := s.server.Client().Do(s.request("GET", "/v1/changes?follow=true", "", bearer("follower")))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "before") {
		t.Fatalf("%q %v", line, err)
	}
	s.know()
	s.put("c/after", `{"n":1}`)
	if line, err := in.ReadString('\n'); line != "" || err == nil {
		t.Errorf("after the token was removed came %q %v", line, err)
	}
}

// Also where nothing changes.
func TestFollowingNothingEndsWithItsToken(t *testing.T) {
	inBubble(t, func(b *bubble) {
		var removed atomic.Bool
		b.server.Handler = api.New(api.Config{
			Backend: b.device, Log: slog.New(slog.DiscardHandler), Stopping: b.stop, Token: func() string {
				if removed.Load() {
					return ""
				}
				return token
			},
		}).Handler()
		c := b.dial("GET /v1/changes?follow=1 HTTP/1.1\nConnection: close")
		defer c.Close()
		in := bufio.NewReader(c)
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
			t.Fatalf("%s %v", line, err)
		}
		synctest.Wait()
		removed.Store(true)
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, took := ended(t, in); took > 15*time.Second {
			t.Errorf("it was let go after %s", took)
		}
	})
}
