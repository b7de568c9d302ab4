package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"musafir/node/api"
)

// A phoneDesk stands for the serving of phones, which is not the API's.
type phoneDesk struct {
	known    api.Phones
	summary  api.PhoneSummary
	asked    string // the last address
	refusals error
}

func (d *phoneDesk) Phones() (api.Phones, error) {
	p := d.known
	p.Phones = append([]api.Phone{}, d.known.Phones...)
	return p, nil
}

func (d *phoneDesk) PhoneSummary() (api.PhoneSummary, error) { return d.summary, nil }

func (d *phoneDesk) change(id string, change func(*api.Phone)) error {
	for i := range d.known.Phones {
		if p := &d.known.Phones[i]; p.ID == id {
			change(p)
			return d.refusals
		}
	}
	return errors.New("it was asked for a phone that there is not")
}

func (d *phoneDesk) RevokePhone(_ context.Context, id string) error {
	return d.change(id, func(p *api.Phone) { p.Revoked = true })
}

func (d *phoneDesk) ApprovePhone(_ context.Context, id string) error {
	return d.change(id, func(p *api.Phone) { p.Approved, p.Revoked = true, false })
}

func (d *phoneDesk) RequireApproval(_ context.Context, required bool) error {
	d.known.RequireApproval = required
	return d.refusals
}

func (d *phoneDesk) ListenForPhones(address string) error {
	d.asked = address
	d.known.URL, d.known.QR = "http://10.0.0.1:4001", "{}"
	return d.refusals
}

func (d *phoneDesk) StopPhones() error {
	d.known.URL, d.known.QR = "", ""
	return d.refusals
}

func TestPhones(t *testing.T) {
	s := newSite(t)
	if got := string(s.do("GET", "/v1/phones", "").want(200).body); strings.TrimSpace(got) != `{"url":"","qr":"","require_approval":false,"phones":[]}` {
		t.Errorf("no phones: %s", got)
	}
	s.apply(oneSite, "").want(200)
	u := into[userDoc](s.do("POST", "/v1/users", amina).want(201))
	s.device.known.Phones = []api.Phone{
		{ID: "p-1", User: u.ID, LastSync: "2026-11-20T09:00:00.000Z", Device: "d", Clock: -7200000, Held: []api.HeldPhone{{Table: "visits", ID: "v", Why: "it has no patient"}}},
		{ID: "p 2/2", Phone: "tablet", User: "gone", Held: []api.HeldPhone{}, FailedPush: &api.FailedPush{Time: "2026-11-20T09:00:00.000Z", Why: "it broke off"}},
	}
	all := into[api.Phones](s.do("GET", "/v1/phones", "").want(200))
	if len(all.Phones) != 2 || all.Phones[0].Name != "Amina K." || all.Phones[0].Email != "amina@example.org" || all.Phones[1].Name != "" || all.Phones[1].Phone != "tablet" {
		t.Errorf("%+v", all)
	}
	if got := fmt.Sprint(all.Phones[0].Held); got != "[{visits v it has no patient}]" {
		t.Errorf("held back: %s", got)
	}

	if f := all.Phones[1].FailedPush; f == nil || f.Why != "it broke off" || all.Phones[0].FailedPush != nil {
		t.Errorf("failed: %+v, %+v", f, all.Phones[0].FailedPush)
	}

	p := into[api.Phone](s.do("POST", "/v1/phones/p%202%2F2/revoke", "").want(200))
	if !p.Revoked || p.ID != "p 2/2" || s.device.known.Phones[0].Revoked {
		t.Errorf("revoked: %+v", p)
	}
	p = into[api.Phone](s.do("POST", "/v1/phones/p%202%2F2/approve", "{}").want(200))
	if p.Revoked || !p.Approved {
		t.Errorf("approved: %+v", p)
	}
	for _, what := range []string{"revoke", "approve"} {
		s.do("POST", "/v1/phones/p-3/"+what, "").problem(404, "no phone with the id p-3")
	}

	for _, required := range []bool{true, false} {
		all = into[api.Phones](s.do("POST", "/v1/phones/approval", fmt.Sprintf(`{"required":%v}`, required)).want(200))
		if all.RequireApproval != required || s.device.known.RequireApproval != required {
			t.Errorf("approval is required: %v", all.RequireApproval)
		}
	}
	for _, body := range []string{`{}`, `{"required":1}`, `{"required":true,"more":1}`, `[]`} {
		s.do("POST", "/v1/phones/approval", body).want(400)
	}
}

func TestListenForPhones(t *testing.T) {
	s := newSite(t)
	for body, address := range map[string]string{"": "", "{}": "", `{"address":"0.0.0.0:0"}`: "0.0.0.0:0"} {
		s.device.asked = "nothing"
		all := into[api.Phones](s.do("POST", "/v1/phones/listen", body).want(200))
		if all.URL == "" || s.device.asked != address {
			t.Errorf("%s: asked for %q, served at %q", body, s.device.asked, all.URL)
		}
	}
	for body, want := range map[string]string{`{"address":""}`: "HOST:PORT", `{"address":1}`: "string", `{"port":1}`: "no such member", `7`: "object"} {
		s.do("POST", "/v1/phones/listen", body).problem(400, want)
	}
	if all := into[api.Phones](s.do("DELETE", "/v1/phones/listen", "").want(200)); all.URL != "" || all.QR != "" {
		t.Errorf("%+v", all)
	}
	s.device.refusals = errDiskFull
	s.do("POST", "/v1/phones/listen", "").want(507)
	s.do("DELETE", "/v1/phones/listen", "").want(507)
	s.do("POST", "/v1/phones/approval", `{"required":true}`).want(507)
}
