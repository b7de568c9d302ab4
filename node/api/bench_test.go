package api_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"musafir/node/api"
)

// The store is in memory: this is what the API itself costs.

func BenchmarkImport(b *testing.B) {
	s := newSite(b)
	h := api.New(s.config(s.device)).Handler()
	text := lines(10_000, "c")
	b.SetBytes(int64(len(text)))
	for i := 0; b.Loop(); i++ {
		r := httptest.NewRequest("POST", "http://localhost/v1/import", strings.NewReader(strings.ReplaceAll(text, `"c"`, fmt.Sprintf(`"c%d"`, i))))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/x-ndjson")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkExport(b *testing.B) { benchmarkGet(b, "/v1/export") }

func BenchmarkChanges(b *testing.B) { benchmarkGet(b, "/v1/changes") }

func BenchmarkList(b *testing.B) { benchmarkGet(b, "/v1/records/c?limit=10000") }

func benchmarkGet(b *testing.B, path string) {
	s := newSite(b)
	s.do("POST", "/v1/import", lines(10_000, "c"), ndjson).want(200)
	h := api.New(s.config(s.device)).Handler()
	b.ResetTimer()
	for b.Loop() {
		r := httptest.NewRequest("GET", "http://localhost"+path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
