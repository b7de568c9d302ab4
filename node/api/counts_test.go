package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

const imports = "Content-Type: application/x-ndjson"

// wantCount tells what was counted, and what had been dispensed then.
func (s *site) wantCount(available, before float64) {
	s.t.Helper()
	var r struct{ Fields map[string]any }
	if err := json.Unmarshal(s.do("GET", "/v1/records/clinic_inventory/i", "").want(200).body, &r); err != nil {
		s.t.Fatal(err)
	}
	if got, want := r.Fields["quantity_available"], any(available); got != want {
		s.t.Errorf("counted were %v, not %v", got, want)
	}
	if got, want := r.Fields["dispensed_before"], any(before); got != want {
		s.t.Errorf("when %v were dispensed, not %v", got, want)
	}
}

// TestStockIsCountedHoweverItIsSaid: who says how much there is has counted it, with what is
// dispensed by then and in the same request.
func TestStockIsCountedHoweverItIsSaid(t *testing.T) {
	s := newSite(t)
	s.put("clinic_inventory/i", `{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_available":100}`)
	s.put("dispensing_records/x", `{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_dispensed":30}`)
	s.wantCount(100, 0)
	s.do("POST", "/v1/import", `{"collection":"clinic_inventory","id":"i","fields":{"quantity_available":70}}`+"\n", imports).want(200)
	s.wantCount(70, 30)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"dispensing_records","id":"y","set":{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_dispensed":1}},{"collection":"clinic_inventory","id":"i","set":{"quantity_available":69}},{"collection":"dispensing_records","id":"x","set":{"quantity_dispensed":31}}]}`).want(200)
	s.wantCount(69, 32)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"dispensing_records","id":"y","delete":true},{"collection":"clinic_inventory","id":"i","set":{"quantity_available":72,"dispensed_before":7}}]}`).want(200)
	s.wantCount(72, 31)
	s.do("POST", "/v1/import?atomic=true", `{"collection":"clinic_inventory","id":"i","fields":{"quantity_available":73}}
{"collection":"dispensing_records","id":"z","fields":{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_dispensed":9}}
`, imports).want(200)
	s.wantCount(73, 40)
	// To change something else of it is no count.
	s.put("dispensing_records/w", `{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_dispensed":2}`)
	s.put("clinic_inventory/i", `{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_available":73,"dispensed_before":40,"shelf":"top"}`)
	s.wantCount(73, 40)
}

// TestImportOfStock: what an import says is dispensed is in its counts, wherever it stands. To
// import again changes nothing, and an export comes back as it was.
func TestImportOfStock(t *testing.T) {
	const lines = `{"collection":"clinic_inventory","id":"i","fields":{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_available":70}}
{"collection":"dispensing_records","id":"x","fields":{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_dispensed":30}}
{"collection":"dispensing_records","id":"gone","fields":{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_dispensed":4,"is_deleted":true}}
`
	for _, path := range []string{"/v1/import", "/v1/import?atomic=true"} {
		s := newSite(t)
		s.do("POST", path, lines, imports).want(200)
		s.wantCount(70, 30)
		s.put("dispensing_records/y", `{"clinic_id":"a","drug_id":"d","batch_id":"b","quantity_dispensed":5}`)
		if got := string(s.do("POST", path, lines, imports).want(200).body); !strings.Contains(got, `"imported":0`) || !strings.Contains(got, `"unchanged":3`) {
			t.Errorf("imported again: %s", got)
		}
		s.wantCount(70, 30)
		// Of one record two lines.
		if path == "/v1/import" {
			s.do("POST", path, `{"collection":"clinic_inventory","id":"i","fields":{"quantity_available":66}}`+"\n"+`{"collection":"clinic_inventory","id":"i","fields":{"quantity_available":65}}`+"\n", imports).want(200)
		} else {
			s.do("POST", path, `{"collection":"clinic_inventory","id":"i","fields":{"quantity_available":65}}`+"\n", imports).want(200)
		}
		s.wantCount(65, 35)
		export := string(s.do("GET", "/v1/export", "").want(200).body)
		other := newSite(t)
		other.do("POST", path, export, imports).want(200)
		other.wantCount(65, 35)
	}
}
