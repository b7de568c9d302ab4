package hikma

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
)

func (s *site) failedPush() Failure {
	s.t.Helper()
	phones, err := s.hikma.Phones()
	if err != nil || len(phones) != 1 {
		s.t.Fatal(phones, err)
	}
	return phones[0].FailedPush
}

// That a pull went well says nothing of the push behind it.
func TestFailedPush(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	push := func(want int) {
		t.Helper()
		status, text := a.command("sync_push", map[string]any{"changes": map[string]any{}})
		a.wants("push", status, text, want)
	}
	a.pull()
	if f := s.failedPush(); f != (Failure{}) {
		t.Errorf("nothing was pushed, and failed: %+v", f)
	}
	for want, err := range map[string]error{
		"Not yet on two devices.":                                 &Refusal{http.StatusServiceUnavailable, "Not yet on two devices."},
		"Something went wrong inside musafir; its log says more.": errors.New("a row of Rahima's"),
	} {
		s.sync.push = err
		status := http.StatusInternalServerError
		var told *Refusal
		if errors.As(err, &told) {
			status = told.Status
		}
		push(status)
		a.pull()
		if f := s.failedPush(); f.Why != want || s.now().Sub(f.At) > time.Minute {
			t.Errorf("%v: %+v", err, f)
		}
	}
	s.sync.push = nil
	push(200)
	if f := s.failedPush(); f != (Failure{}) {
		t.Errorf("a push that was taken: %+v", f)
	}
	if status, text := a.command("sync_push", map[string]any{}); status != 400 || !strings.Contains(s.failedPush().Why, `"changes" is missing`) {
		t.Errorf("%d %s, noted: %+v", status, text, s.failedPush())
	}
	// It synced with another device since.
	s.wait(time.Minute)
	at := crdt.Int(s.now().UnixMilli())
	s.write(&crdt.Edit{Key: phoneKey(phone1), Max: []crdt.Field{{Key: crdt.JoinPath(syncedField, "another"), Value: at}}})
	if f := s.failedPush(); f != (Failure{}) {
		t.Errorf("it synced elsewhere since: %+v", f)
	}
}

// What does not come whole is not taken either. Who is no phone that synced is none of them.
func TestFailedPushOnTheWay(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	a.pull()
	if f := s.failedPush(); f != (Failure{}) {
		t.Fatalf("%+v", f)
	}
	s.send(1000, `{"client_id":"`+phone2+`","payload":"`).Close()
	s.send(1000, `{"client_id":"`+phone1+`","payload":"`).Close()
	for s.failedPush() == (Failure{}) {
		runtime.Gosched()
	}
	if f := s.failedPush(); !strings.Contains(f.Why, "ends too early") && !strings.Contains(f.Why, "broke off") {
		t.Errorf("%+v", f)
	}
	status, text := a.command("sync_push", map[string]any{"changes": map[string]any{}})
	a.wants("push", status, text, 200)

	req, err := http.NewRequest("POST", s.server.URL+"/rpc/command", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Body, req.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"client_id":"`+phone1+`","payload":"`), neverEnding{})), bodyBytesMax+1
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
	}
	for s.failedPush() == (Failure{}) {
		runtime.Gosched()
	}
	if f := s.failedPush(); !strings.Contains(f.Why, "too large") {
		t.Errorf("%+v", f)
	}
	if s.hikma.failed.Len() != 1 {
		t.Error("a failure of a phone that never synced is kept")
	}
}

// Whoever has no token fails nobody's push.
func TestFailedPushOfStrangers(t *testing.T) {
	s := newSite(t)
	s.in(phone1).pull()
	status, text := s.app(phone1).shake().command("sync_push", map[string]any{"changes": 7})
	if status != 401 || s.hikma.failed.Len() != 0 {
		t.Errorf("%d %s, %d failures", status, text, s.hikma.failed.Len())
	}
}
