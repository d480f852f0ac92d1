import { library } from "@kmem/eslint-config";

export default library(import.meta.dirname);
