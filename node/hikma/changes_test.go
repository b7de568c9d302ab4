package hikma

import (
	"bytes"
	"errors"
	"testing"

	"musafir/node/clinic"
)

func TestChangesWriter(t *testing.T) {
	type sent struct {
		table string
		form  clinic.Form
	}
	for _, x := range []struct {
		rows []sent
		want string // "": refused
	}{
		{nil, `{"changes":{},"timestamp":7}`},
		{[]sent{{"a", clinic.Created}, {"a", clinic.Created}, {"a", clinic.Updated}}, `{"changes":{"a":{"created":[1,1],"updated":[1],"deleted":[]}},"timestamp":7}`},
		{[]sent{{"a", clinic.Updated}, {"b", clinic.Created}, {"c", clinic.Updated}},
			`{"changes":{"a":{"created":[],"updated":[1],"deleted":[]},"b":{"created":[1],"updated":[],"deleted":[]},"c":{"created":[],"updated":[1],"deleted":[]}},"timestamp":7}`},
		{[]sent{{"a", clinic.Updated}, {"a", clinic.Created}}, ""},
		{[]sent{{"a", clinic.Created}, {"b", clinic.Created}, {"a", clinic.Created}}, ""},
	} {
		var out bytes.Buffer
		c := &changesWriter{w: &out}
		var err error
		for _, r := range x.rows {
			if err = c.row(r.table, r.form, []byte("1")); err != nil {
				break
			}
		}
		if err == nil {
			err = c.end(7)
		}
		if x.want == "" && !errors.Is(err, errOrder) || x.want != "" && (err != nil || out.String() != x.want) {
			t.Errorf("%v: %s, %v", x.rows, out.String(), err)
		}
	}
}
