package api_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/access"
	"musafir/node/api"
)

const threeHours = int64(3 * time.Hour / time.Millisecond)

func TestPeersAndDevices(t *testing.T) {
	s := newSite(t)
	s.device.peers = []api.Peer{
		{ID: "12D3A", Name: "pharmacy", Role: "member", Address: "/ip4/10.0.0.2/tcp/7668", Connected: true, Synced: true, Version: "test", LastHeard: "2026-11-20T10:00:00.000Z"},
		{ID: "12D3B", Name: "tent", Role: "reader", Behind: 7, Problem: "nobody answers"},
		{Address: "10.0.0.9", Problem: "connection refused"},
	}
	s.device.devices = []api.Device{
		{ID: "12D3A", Name: "pharmacy", Role: "member", Admitted: "2026-11-20T10:00:00.000Z", By: "12D3S", Lineage: api.Lineage{Former: []string{"12D3O"}, Renewed: "2026-11-21T10:00:00.000Z", Twins: []string{"12D3T"}}},
		{ID: "12D3S", Name: "registration", Role: "coordinator", Self: true, Admitted: "2026-11-20T09:00:00.000Z"},
	}
	peers := into[struct{ Peers []api.Peer }](s.do("GET", "/v1/peers", "")).Peers
	if len(peers) != 3 || peers[1].Behind != 7 || peers[2].Problem != "connection refused" {
		t.Errorf("peers %+v", peers)
	}
	devices := into[struct{ Devices []api.Device }](s.do("GET", "/v1/devices", "")).Devices
	if len(devices) != 2 || devices[0].By != "12D3S" || !devices[1].Self {
		t.Errorf("devices %+v", devices)
	}
	inTouch := into[struct{ Peers []api.Peer }](s.do("GET", "/v1/status", "")).Peers
	if len(inTouch) != 1 || inTouch[0].Name != "pharmacy" {
		t.Errorf("in touch %+v", inTouch)
	}
}

func TestInvite(t *testing.T) {
	s := newSite(t)
	for _, body := range []string{"", `{}`, `{"role":"reader","expires":"90s"}`, `{"expires":"24h"}`} {
		got := into[api.Invite](s.do("POST", "/v1/invites", body).want(201))
		if !strings.HasPrefix(got.QR, "musafir:"+got.Code) {
			t.Errorf("%s: %+v", body, got)
		}
	}
	if a := s.do("POST", "/v1/invites", "").want(201); !strings.Contains(string(a.body), "?peer=a&peer=b\"") {
		t.Errorf("a script finds no ticket in %s", a.body)
	}
	for body, want := range map[string]string{
		`{"role":"chief"}`: "is no role", `{"role":1}`: "/role", `{"expires":"soon"}`: "at most 24h", `{"expires":"0s"}`: "more than nothing",
		`{"expires":"24h1s"}`: "at most 24h", `{"expires":600}`: "/expires", `{"name":"x"}`: "there is no such member", `[]`: "an object belongs here",
	} {
		s.do("POST", "/v1/invites", body).problem(400, want)
	}
}

// That it makes a coordinator is seen on the program.
func TestRecoverRefused(t *testing.T) {
	s := newSite(t)
	ask := func(key ed25519.PrivateKey) string { return fmt.Sprintf(`{"code":%q}`, access.RecoveryCode(key)) }
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.do("POST", "/v1/devices/recover", ask(s.device.founded.Recovery)).problem(409, "is a coordinator already")
	s.do("POST", "/v1/devices/recover", ask(other)).problem(422, "not the recovery key of this camp")
	for body, want := range map[string]string{
		"": "no JSON", `{}`: "recovery key", `{"code":1}`: "/code", `{"code":"7K2M"}`: "has 56 letters", `{"code":"x","more":1}`: "recovery key",
		ask(other)[:20] + `"}`: "letters and digits",
	} {
		s.do("POST", "/v1/devices/recover", body).problem(400, want)
	}
	if doc := into[struct{ Recovery string }](s.do("GET", "/v1/devices", "")); doc.Recovery != string(s.device.Recovery()) {
		t.Errorf("the recovery key admits as %q", doc.Recovery)
	}
}

func TestInviteRefused(t *testing.T) {
	s := newSite(t)
	for refusal, want := range map[error]struct {
		status int
		detail string
	}{
		access.ErrNotCoordinator: {409, "only a coordinator can invite devices"},
		access.ErrUnreachable:    {503, "other devices can reach it"},
		node.ErrStopped:          {503, "stopping"},
		errors.New("odd"):        {500, "inside musafir"},
	} {
		s.device.refusal = fmt.Errorf("invite: %w", refusal)
		s.do("POST", "/v1/invites", "").problem(want.status, want.detail)
	}
	s.device.refusal = nil
	for range access.MaxInvitations {
		s.do("POST", "/v1/invites", "").want(201)
	}
	s.do("POST", "/v1/invites", "").problem(429, "64 invitations are open")
}

func TestClockWarnings(t *testing.T) {
	for _, tt := range []struct {
		others []int64 // their clocks minus ours
		ahead  int64
		want   []string // a part of each warning
	}{
		{nil, 0, nil},
		{[]int64{0, 119_000, -119_000}, 0, nil},
		{[]int64{-threeHours}, threeHours, []string{`This device's clock is 3 hours ahead of that of the device "0". Set the one`}},
		{[]int64{-threeHours, -threeHours - 1000}, threeHours, []string{"This device's clock is 3 hours ahead of the other devices'. Set it"}},
		{[]int64{300_000, 300_000, 300_000}, -300_000, []string{"This device's clock is 5 minutes behind the other"}},
		{[]int64{0, 48 * threeHours / 3}, 0, []string{`the device "1" is 2 days ahead`}},
		{[]int64{-threeHours, 0, 1000}, 0, []string{`the device "0" is 3 hours behind`}},
		{[]int64{-threeHours, -threeHours, 0}, threeHours, []string{"This device's clock is 3 hours ahead", `the device "2" is 3 hours ahead`}},
	} {
		t.Run(fmt.Sprint(tt.others), func(t *testing.T) {
			s := newSite(t)
			for i, ms := range tt.others {
				s.device.peers = append(s.device.peers, api.Peer{ID: "x", Name: fmt.Sprint(i), Connected: true, ClockMs: ms, Version: "test"})
			}
			s.device.peers = append(s.device.peers, api.Peer{ID: "gone", ClockMs: 9 * threeHours})
			got := into[statusClock](s.do("GET", "/v1/status", ""))
			if got.Clock.AheadMs != tt.ahead || len(got.Warnings) != len(tt.want) {
				t.Fatalf("%+v", got)
			}
			for i, want := range tt.want {
				if !strings.Contains(got.Warnings[i], want) {
					t.Errorf("%q, want %q in it", got.Warnings[i], want)
				}
			}
			if len(tt.want) > 0 && got.Clock.Warning != got.Warnings[0] {
				t.Errorf("the clock's is %q", got.Clock.Warning)
			}
		})
	}
}

type statusClock struct {
	Clock struct {
		AheadMs int64 `json:"ahead_ms"`
		Warning string
	}
	Warnings []string
}

func TestWarnings(t *testing.T) {
	counted := uint64(0)
	var d *device
	s := newSiteOver(t, func(x *device) api.Backend { d = x; return &holding{x, &counted} })
	warnings := func() []string { return into[statusClock](s.do("GET", "/v1/status", "")).Warnings }
	if got := warnings(); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}
	d.peers = []api.Peer{{ID: "x", Name: "pharmacy", Connected: true, Version: "9.1"}}
	counted, d.held = 2, []api.Held{
		{Entry: crdt.EntryID{1}, Reason: "written by a newer version of musafir"}, {Entry: crdt.EntryID{2}, Reason: "written by a newer version of musafir"},
	}
	got := strings.Join(warnings(), "\n")
	want := `Musafir 9.1 runs on the device "pharmacy", and test on this one. They work together; install the newer version on both.
2 entries are held back and not shown: written by a newer version of musafir.`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	counted, d.held, d.peers = 0, nil, nil
	if got := warnings(); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}
}

func TestNotices(t *testing.T) {
	s := newSite(t)
	notices := func() []api.Notice {
		return into[struct{ Notices []api.Notice }](s.do("GET", "/v1/status", "")).Notices
	}
	if got := notices(); got == nil || len(got) > 0 {
		t.Errorf("without any there is %v, want an empty list", got)
	}
	s.device.notices = []api.Notice{
		{Time: "2026-11-21T10:00:00.000Z", Kind: api.NoticeRenewed, Device: "desk", ID: "12D3A", Former: "12D3O", Self: true, Text: "Renewed."},
		{Time: "2026-11-20T10:00:00.000Z", Kind: api.NoticeCopied, Device: "tent", ID: "12D3B", Former: "12D3P", Text: "Copied."},
	}
	if got := notices(); !slices.Equal(got, s.device.notices) {
		t.Errorf("notices %+v", got)
	}
	doc, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	if most := doc.Components.Schemas["Status"].Value.Properties["notices"].Value.MaxItems; most == nil || *most != api.NoticesMax {
		t.Errorf("openapi.json says at most %v notices", most)
	}
}

// holding says how many entries are held back.
type holding struct {
	*device
	count *uint64
}

func (h *holding) Counts() (entries, records, conflicts, quarantined uint64) {
	entries, records, conflicts, _ = h.device.Counts()
	return entries, records, conflicts, *h.count
}

// This device counts among the copies.
func TestCopies(t *testing.T) {
	s := newSite(t)
	if r := s.put("c/a", `{"n":1}`); r.Copies != 1 {
		t.Errorf("%d copies on one device", r.Copies)
	}
	s2 := newSiteOver(t, func(d *device) api.Backend { return copied{d} })
	s2.do("PUT", "/v1/records/c/a", `{"fields":{"n":1}}`).want(http.StatusCreated)
	if r := s2.get("c/a"); r.Copies != 4 {
		t.Errorf("%d copies, want 4", r.Copies)
	}
}

// copied says that three other devices hold everything.
type copied struct{ *device }

func (copied) Copies([]crdt.Ref) int { return 3 }
