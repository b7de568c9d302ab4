// Package doctor says in plain words why devices do not meet, and what to do.
//
// [Diagnose] takes what a device knows: its interfaces, what was asked and heard on
// each, the devices of the camp, how the attempts to reach them went. It gives
// findings, the gravest first:
//
//	for _, f := range doctor.Diagnose(facts) {
//		fmt.Println(f.Level, f.Text, f.Remedy)
//	}
//
// It is for people who run a network for the first time. What is not known it does
// not say: a network that passes nothing on looks like one with nobody in it, and so
// the words name both. Where all is well it says so in one line and is silent about
// the rest, such as an interface without a cable beside one that works.
//
// It only thinks: no input or output, no clock. The same facts give the same words.
package doctor
