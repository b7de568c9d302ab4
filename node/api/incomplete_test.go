package api_test

import (
	"fmt"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/store"
)

// A momentLook is a moment of the store as package clinic wants it.
type momentLook struct{ *store.Moment }

func (l momentLook) Past(marks []crdt.Mark) (clinic.Past, error) { return l.Moment.Past(marks) }

// Incomplete is what the records name in vain.
func (d *device) Incomplete(after crdt.RecordKey, visit func(crdt.RecordKey, []clinic.Gap) (bool, error)) error {
	m, err := d.Moment()
	if err != nil {
		return err
	}
	defer m.Close()
	return clinic.Gaps(momentLook{m}, after, visit)
}

type incompletePage struct {
	Rows []struct{ Table, ID, Column, Names, Why, Patient string }
	Next string
}

func TestIncomplete(t *testing.T) {
	s := newSite(t)
	if got := string(s.do("GET", "/v1/phones/incomplete", "").want(200).body); got != `{"rows":[],"next":""}`+"\n" {
		t.Errorf("nothing at all: %s", got)
	}
	s.put("clinics/c", `{"name":"Clinic"}`)
	s.put("patients/p", `{"given_name":"Rahima"}`)
	s.put("visits/whole", `{"patient_id":"p","clinic_id":"c"}`)
	for i := range 5 {
		s.put(fmt.Sprintf("visits/v%d", i), fmt.Sprintf(`{"patient_id":"nobody %d","clinic_id":""}`, i))
	}
	page := into[incompletePage](s.do("GET", "/v1/phones/incomplete", ""))
	if r := page.Rows[0]; len(page.Rows) != 10 || page.Next != "" || r.Table != "visits" || r.ID != "v0" || r.Column != "patient_id" || r.Names != "nobody 0" || r.Why != "the patient is not there" || r.Patient != "" {
		t.Errorf("%+v", page)
	}
	var seen []string
	for cursor := ""; ; {
		page := into[incompletePage](s.do("GET", "/v1/phones/incomplete?limit=2&cursor="+cursor, ""))
		if len(page.Rows) > 4 {
			t.Errorf("a page of 2 rows has %+v", page.Rows)
		}
		for _, r := range page.Rows {
			seen = append(seen, r.ID+"/"+r.Column)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); len(seen) != 10 || !strings.HasPrefix(got, "v0/patient_id v0/clinic_id v1/") || !strings.HasSuffix(got, " v4/clinic_id") {
		t.Errorf("page by page: %s", got)
	}
	s.put("patients/p", `{"given_name":" Rahima","surname":"Khatun "}`)
	s.put("patient_vitals/of", `{"patient_id":"p","visit_id":"nothing"}`)
	s.put("patients/w", `{"given_name":"Karim","primary_clinic_id":"nowhere"}`)
	page = into[incompletePage](s.do("GET", "/v1/phones/incomplete", ""))
	patients := map[string]string{}
	for _, r := range page.Rows {
		patients[r.ID] = r.Patient
	}
	if patients["of"] != "Rahima Khatun" || patients["w"] != "Karim" || patients["v0"] != "" {
		t.Errorf("patients: %q", patients)
	}
	for _, query := range []string{"limit=0", "cursor=x", "cursor=AXgAeA", "where=a=b"} { // the third is a cursor, of no table
		s.do("GET", "/v1/phones/incomplete?"+query, "").want(400)
	}
}
