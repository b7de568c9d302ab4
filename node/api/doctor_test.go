package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"musafir/node/api"
)

// Doctor of the tests has nothing to tell.
func (d *device) Doctor(context.Context, []api.Advice) (api.Diagnosis, error) {
	return api.Diagnosis{
		Interfaces: []api.Interface{}, Heard: []api.Heard{}, Findings: []api.Finding{{Level: "note", Text: "This camp has no other device yet.", Remedy: "musafir invite"}},
	}, nil
}

// An examined device has a diagnosis, or fails to.
type examined struct {
	*device
	diagnosis api.Diagnosis
	err       error
	clocks    []api.Advice // that it was told
}

func (e *examined) Doctor(_ context.Context, clocks []api.Advice) (api.Diagnosis, error) {
	e.clocks = clocks
	return e.diagnosis, e.err
}

func TestDoctor(t *testing.T) {
	e := &examined{diagnosis: api.Diagnosis{
		Interfaces: []api.Interface{
			{Name: "eth0", Addresses: []string{"10.77.0.1/16"}, State: "in use", Up: true, Connected: true, Multicast: true, Asked: 9, Heard: 3, Camp: 2, Strangers: 1, LastHeard: "2026-11-20T10:00:00.000Z"},
			{Name: "wlan0", Addresses: []string{}, State: "turned off", Problem: "odd"},
		},
		Heard: []api.Heard{{ID: "12D3A", Name: "tent", Addresses: []string{"/ip4/10.77.0.2/tcp/7668"}, Interface: "eth0", LastHeard: "2026-11-20T10:00:00.000Z"}},
		Findings: []api.Finding{
			{Level: "problem", Text: "No connection comes about.", Remedy: "Look at the firewall."}, {Level: "ok", Text: "In touch."},
		},
	}}
	s := newSiteOver(t, func(d *device) api.Backend { e.device = d; return e })
	e.peers = []api.Peer{{ID: "12D3A", Name: "tent", Connected: true, ClockMs: threeHours}, {ID: "12D3B", Name: "lab", ClockMs: 9 * threeHours}}
	got := into[struct {
		Interfaces []api.Interface
		Heard      []api.Heard
		Peers      []api.Peer
		Clock      struct {
			AheadMs int64 `json:"ahead_ms"`
			Warning string
		}
		Findings []api.Finding
	}](s.do("GET", "/v1/doctor", ""))
	if len(got.Interfaces) != 2 || got.Interfaces[0].Camp != 2 || got.Heard[0].Name != "tent" || !slices.Equal(got.Findings, e.diagnosis.Findings) {
		t.Errorf("%+v", got)
	}
	if len(got.Peers) != 2 || got.Clock.AheadMs != -threeHours || !strings.HasPrefix(got.Clock.Warning, "This device's clock is 3 hours behind") {
		t.Errorf("%+v", got)
	}
	if len(e.clocks) != 1 || e.clocks[0].String() != got.Clock.Warning || !strings.HasPrefix(e.clocks[0].Remedy, "Set the one") {
		t.Errorf("was told of clocks %+v", e.clocks)
	}
	s.do("GET", "/v1/doctor", "", "Authorization: ").problem(401, "Bearer")
	e.err = errors.New("odd")
	s.do("GET", "/v1/doctor", "").want(500)
}

func TestDoctorOfADeviceThatIsAlone(t *testing.T) {
	a := newSite(t).do("GET", "/v1/doctor", "").want(200)
	for _, want := range []string{`"interfaces":[]`, `"heard":[]`, `"peers":[]`, `"ahead_ms":0`, `"level":"note"`} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
}

func TestDoctorWithoutACamp(t *testing.T) {
	d := api.Diagnosis{Interfaces: []api.Interface{}, Heard: []api.Heard{}, Findings: []api.Finding{{Level: "problem", Text: "There is no camp."}}}
	text, err := json.Marshal(d.Document())
	if err != nil {
		t.Fatal(err)
	}
	newSite(t).fits("Diagnosis", text)
}
