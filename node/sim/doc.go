// Package sim runs whole camps in virtual time, to find what goes wrong.
//
// A [World] has machines with a memory disk each. On a machine runs the real code:
// groups that commit, a replica, verifiers, cutters, frames as bytes. What is made
// up is the loop around them, the clocks and the network. Everything follows from
// one seed, so a failure can be run again.
//
// A run first lets things go wrong: streams break, links go one way, machines lose
// power between writing and speaking, disks refuse, clocks jump, disks are copied
// and old copies put back. Then all is healed, and within a bound all devices must
// hold the same, with every write that was acknowledged, and fall silent. All along
// it watches that nothing is told which is not durable, that every device holds what
// its entries build on, and that nobody believes of another what is not so.
package sim
