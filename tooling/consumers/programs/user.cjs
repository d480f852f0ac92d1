const { GFP_KERNEL, KernelBug, NO_PAGE } = require("@kmem/contracts");

console.log(GFP_KERNEL.toString(16), NO_PAGE, typeof KernelBug);
