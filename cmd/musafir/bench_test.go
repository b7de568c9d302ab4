//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/store"
)

// The disk's own rate: what a durable write costs at least.
func BenchmarkDiskAppendSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := make([]byte, 400)
	for b.Loop() {
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

// BenchmarkWriters writes durably over HTTP, one record a request, to the real
// daemon.
func BenchmarkWriters(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			d := start(b, initDevice(b))
			var next atomic.Int64
			var mu sync.Mutex
			var took []time.Duration
			b.ResetTimer()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					var mine []time.Duration
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						began := time.Now()
						if err := d.putOne(n); err != nil {
							b.Error(err)
							return
						}
						mine = append(mine, time.Since(began))
					}
					mu.Lock()
					took = append(took, mine...)
					mu.Unlock()
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
}

func (d *daemon) putOne(n int64) error {
	_, err := d.call(context.Background(), http.MethodPut, recordPath("visits", fmt.Sprintf("v%08d", n)), map[string]any{
		"fields": map[string]any{
			"patient_id": "dbf9798e-4b52-4cd9-a9eb-ec36149c859a", "clinic_id": "60457c13-adb2-3415-82c5-86ab5dab5f93",
			"provider_name": "Noor", "check_in_timestamp": 985910345000 + n, "is_deleted": false, "metadata": "{}",
		},
	})
	return err
}

// BenchmarkDurableWrite is one writer without HTTP: the node and its store.
func BenchmarkDurableWrite(b *testing.B) {
	dir := initDevice(b)
	d, err := openDevice(dir, store.Lock{}, reach{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	n := 0
	for b.Loop() {
		n++
		edit := &crdt.Edit{
			Key: crdt.RecordKey{Collection: "visits", ID: fmt.Sprintf("v%08d", n)},
			Set: []crdt.Field{{Key: "patient_id", Value: crdt.Text("dbf9798e-4b52-4cd9-a9eb-ec36149c859a")}, {Key: "n", Value: crdt.Int(int64(n))}},
		}
		if _, err := d.Write(ctx, crdt.Transaction{Edits: []*crdt.Edit{edit}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	cancel()
	if err := errors.Join(<-ended, d.Close()); err != nil {
		b.Fatal(err)
	}
}
