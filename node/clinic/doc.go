// Package clinic knows what the Hikma Health phone app keeps: its tables and what their
// columns take, how its rows are records, and the file from which a clinic is made.
//
// It is pure: no clock, no network, no store.
package clinic
